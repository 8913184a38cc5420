"""How the process of a run ended, in a sentence: from its exit code and the state of the memory."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medxfer.events import Died

STUCK_MINUTES = 15
"""How long a run may make no progress before it counts as stuck."""
_COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
    Path("/proc/vmstat"),
)
"""Where the kernel counts the processes that it killed for want of memory, as `oom_kill N`: of the
container (cgroups 2 and 1) and of the whole computer."""
_ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MEMORY = Path("/proc/meminfo")
_SHORT = 0.05
"""Part of the memory that is left when it counts as nearly full."""
_SAFE = "What was saved is safe."


@dataclass(frozen=True)
class Memory:
    """A reading of the computer's memory."""

    killed: int
    """Processes that the kernel killed for want of memory since it started."""
    free: float
    """Part of the memory that is free, 0 to 1; 1 where that is not known."""


def memory() -> Memory:
    """The memory now."""
    return Memory(killed=sum(map(_killed, _COUNTERS)), free=_free())


def death(code: int | None, before: Memory, now: Memory, *, stuck: bool = False) -> Died:
    """What to say of a process that ended without a word.

    `code` is its exit code, negative for a signal, None if nobody saw it end; `before` was read
    while it lived.
    """
    if stuck:
        return Died(
            problem=f"The run was stuck: it made no progress for {STUCK_MINUTES} minutes, and its "
            f"process was ended. {_SAFE}",
            remedy="If it happens again, look at the run's worker.log.",
            code=code,
        )
    if code is None:
        return Died(
            problem="The process of this run is gone, and nobody saw how it ended: the computer "
            f"may have been switched off or restarted. {_SAFE}",
        )
    if code == -signal.SIGKILL:
        return _killed_by_force(before, now)
    if -code in _ASKED:
        return Died(
            problem="The process of this run was asked to end before it could say so "
            f"({_signal(-code)}). {_SAFE}",
            code=code,
        )
    if code < 0:
        return Died(
            problem=f"The process of this run crashed ({_signal(-code)}). {_SAFE}",
            remedy="If it happens again, look at the run's worker.log, and try another device.",
            code=code,
        )
    return Died(
        problem=f"The process of this run ended without a word (exit code {code}). {_SAFE}",
        remedy="The run's worker.log says more.",
        code=code,
    )


def _killed_by_force(before: Memory, now: Memory) -> Died:
    counted = now.killed > before.killed
    if counted or min(before.free, now.free) < _SHORT:
        how = "memory ran out" if counted else "memory was nearly full"
        return Died(
            problem=f"The process of this run was stopped by the system: {how}. {_SAFE}",
            remedy="Close other programs, or start a new run with a smaller batch.",
            code=-signal.SIGKILL,
        )
    return Died(
        problem="The process of this run was killed from outside (signal 9), though memory was not "
        f"short ({100 * now.free:.0f} % free). {_SAFE}",
        code=-signal.SIGKILL,
    )


def _signal(number: int) -> str:
    with suppress(ValueError):
        return f"signal {number}, {signal.Signals(number).name}"
    return f"signal {number}"


def _killed(path: Path) -> int:
    return _first(path, "oom_kill", 0)


def _free() -> float:
    total = _first(_MEMORY, "MemTotal:", 0)
    return _first(_MEMORY, "MemAvailable:", total) / total if total else 1.0


def _first(path: Path, name: str, default: int) -> int:
    """The number behind a name at the start of a line; `default` where there is none."""
    with suppress(OSError, ValueError):
        for words in _lines(path):
            if words and words[0] == name:
                return int(words[1])
    return default


def _lines(path: Path) -> Iterable[list[str]]:
    return (line.split() for line in path.read_text().splitlines())
