"""A run's process as the supervisor sees it: started by it, or by one before it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from medxfer import lock
from medxfer.executors.death import Memory, memory
from medxfer.paths import RunPaths, Workspace
from medxfer.runs.queue import Job
from medxfer.runs.slots import Slot

Command = Callable[[Workspace, str, str], Sequence[str]]
"""What executes a run: of the workspace, the run and the name of its slot."""
_FITTED = b'"kind":"fitted"'


def worker(workspace: Workspace, run: str, slot: str) -> list[str]:
    """The command of the process that executes a run."""
    return [sys.executable, "-m", "medxfer.runs.worker", str(workspace.root), run, slot]


@dataclass
class Child:
    """A process that executes a run, or is about to."""

    job: Job
    paths: RunPaths
    process: subprocess.Popen[bytes] | None
    """None: a supervisor before this one started it."""
    memory: Memory = field(default_factory=memory)
    stuck: bool = False
    _told: int = -1
    """Bytes of events."""
    _worked: float = 0.0
    _moved: float = field(default_factory=time.monotonic)
    _fitted: bool = False

    def is_over(self) -> bool:
        """Whether the process has ended; what it left running ends with it."""
        if self.process is None:
            return not lock.is_held(self.paths.lock)
        # Looked at first and reaped later: until then nobody else gets its number.
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        with suppress(ChildProcessError):
            if os.waitid(os.P_PID, self.process.pid, look) is None:
                return False
            _end(self.process.pid)
        self.process.wait()
        return True

    @property
    def code(self) -> int | None:
        """What it left, once it is over; None if this process could not see that."""
        return self.process.returncode if self.process else None

    def silence(self) -> float:
        """Seconds since the run made progress, by a clock that is never set.

        Progress is what the run tells. While the best epoch is evaluated it tells little: there
        the time that its process has worked counts as well.
        """
        size = _size(self.paths.events)
        if size != self._told:
            self._fitted = _FITTED in _tail(self.paths.events, self._told) or (
                self._fitted and size > self._told
            )
            self._told, self._moved = size, time.monotonic()
        elif self._fitted and (worked := self._work()) > self._worked:
            self._worked, self._moved = worked, time.monotonic()
        return time.monotonic() - self._moved

    def kill(self) -> None:
        """End it at once, with all that it started."""
        self.stuck = True
        pid = self.process.pid if self.process else lock.holder(self.paths.lock)
        if pid is not None:
            _end(pid)

    def _work(self) -> float:
        """Seconds that the process has worked, in whole minutes: idling takes a little too."""
        pid = self.process.pid if self.process else lock.holder(self.paths.lock)
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            return float((times.user + times.system) // 60)
        return 0.0


def begin(workspace: Workspace, job: Job, slot: Slot, command: Command) -> Child:
    """Start the process of a run, in a session of its own; OSError if the system refuses."""
    paths = workspace.run(job.run)
    with paths.log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  (our own interpreter, no shell)
            list(command(workspace, job.run, slot.name)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
            env=slot.environment,
        )
    return Child(job, paths, process)


def _end(pid: int) -> None:
    """Kill a process and its session: each run leads one of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _tail(path: Path, offset: int) -> bytes:
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(offset, 0))
        return file.read()
    return b""
