"""Whether a supervisor runs on this host, and since when. Needs no torch and no streamlit.

The lock says that it lives; the words beside the lock say who it is. Its beat is the system's
monotonic clock, which no change of the time of day moves.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from medxfer import lock
from medxfer.errors import RunError
from medxfer.files import write_json
from medxfer.paths import Workspace
from medxfer.runs import queue

_LATE_SECONDS = 60


@dataclass(frozen=True)
class Health:
    """What starts the runs of a workspace, and what it has to do."""

    alive: bool
    """Whether a supervisor runs."""
    answering: bool
    """Whether it also gave a sign of life within the last minute."""
    pid: int | None
    host: str
    since: datetime | None
    """UTC."""
    waiting: int
    """Runs in the queue that no process has taken."""
    running: int
    """Runs that were taken."""


def health(workspace: Workspace) -> Health:
    """How the queue of a workspace stands.

    Raises:
        WorkspaceError: the index cannot be used.
    """
    jobs = queue.jobs(workspace)
    waits = sum(job.slot is None for job in jobs)
    alive = is_alive(workspace)
    words = _read(workspace) if alive else {}
    beat = words.get("beat")
    passed = time.monotonic() - beat if isinstance(beat, int | float) else None
    return Health(
        alive=alive,
        answering=passed is not None and 0 <= passed < _LATE_SECONDS,
        pid=pid if isinstance(pid := words.get("pid"), int) else None,
        host=str(words.get("host", "")),
        since=_moment(words.get("since")),
        waiting=waits,
        running=len(jobs) - waits,
    )


def is_alive(workspace: Workspace) -> bool:
    """Whether a supervisor runs on this workspace."""
    return lock.is_held(workspace.supervisor)


def tell(workspace: Workspace, since: datetime) -> None:
    """A sign of life of the supervisor, which is this process."""
    write_json(
        _words(workspace),
        {
            "pid": os.getpid(),
            "host": platform.node(),
            "since": since.isoformat(),
            "beat": time.monotonic(),
        },
    )


def taken(workspace: Workspace) -> RunError:
    """Why a second supervisor does not start; it names the first."""
    words = _read(workspace)
    since = _moment(words.get("since"))
    who = f"process {words.get('pid', 'unknown')} on {words.get('host', 'this computer')}"
    when = f", since {since.astimezone():%Y-%m-%d %H:%M}" if since else ""
    return RunError(
        f"A worker runs on this workspace already: {who}{when}.",
        "It starts every run of the queue. To have another one, end it first.",
    )


def _words(workspace: Workspace) -> Path:
    return workspace.supervisor.with_suffix(".json")


def _read(workspace: Workspace) -> dict[str, object]:
    """What the supervisor said of itself; nothing where that cannot be read."""
    try:
        words = json.loads(_words(workspace).read_bytes())
    except (OSError, ValueError):
        return {}
    return words if isinstance(words, dict) else {}


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None
