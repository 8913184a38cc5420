"""The queue: which runs wait, in which order, and which slot has taken which. Needs no torch.

The marker `queued` in a run's folder is the truth about whether a run is to be executed. The table
`jobs` of the index adds the order, the claim and the attempts, and is mended from the markers.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from medxfer import lock
from medxfer.config import Device
from medxfer.errors import RunError
from medxfer.events import Cancelled
from medxfer.files import write_json
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import index, journal

_COLUMNS = "run, device, asked_by, attempts, slot"


class Move(StrEnum):
    """Where a waiting run goes in the order."""

    UP = "up"
    DOWN = "down"
    FIRST = "first"


@dataclass(frozen=True)
class Job:
    """A run that is to be executed, or is being executed."""

    run: str
    device: Device
    by: str
    """Who asked for it; "" if that is not known."""
    attempts: int
    """Processes started for it since a person asked."""
    slot: str | None
    """The device slot that claimed it; None while it waits."""


def mark(paths: RunPaths, by: str = "") -> None:
    """Set the marker: the run is to be executed."""
    write_json(paths.queued, {"by": by, "begun": False})


def mark_begun(paths: RunPaths) -> None:
    """Note in the marker that a process holds the run's lock and has begun."""
    write_json(paths.queued, _marked(paths) | {"begun": True})


def has_begun(paths: RunPaths) -> bool:
    """Whether a process has begun with the run since it was queued."""
    return not paths.queued.exists() or _marked(paths).get("begun") is True


def add(connection: sqlite3.Connection, run: str, device: Device, by: str = "") -> None:
    """Put a run at the end, with no attempts counted; one that waits already keeps its place."""
    waits = connection.execute("SELECT 1 FROM jobs WHERE run = ? AND slot IS NULL", (run,))
    if waits.fetchone() is None:
        connection.execute(
            "INSERT OR REPLACE INTO jobs (run, place, device, asked_by) "
            "VALUES (?, (SELECT coalesce(max(place), 0) + 1 FROM jobs), ?, ?)",
            (run, str(device), by),
        )


def jobs(workspace: Workspace) -> list[Job]:
    """Every job in the order of the queue; those that were claimed keep their old place in it."""
    with index.opened(workspace.index) as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM jobs ORDER BY place, run")  # noqa: S608
        return [_job(row) for row in rows]


def waiting(workspace: Workspace) -> list[str]:
    """The runs that wait, next one first."""
    return [job.run for job in jobs(workspace) if job.slot is None]


def claim(workspace: Workspace, slot: str, devices: Iterable[Device]) -> Job | None:
    """Take the next waiting job for one of these devices, or None; nobody else gets the same."""
    wanted = [str(device) for device in devices]
    marks = ", ".join("?" * len(wanted))
    with index.opened(workspace.index) as connection:
        row = connection.execute(
            "UPDATE jobs SET slot = ?, attempts = attempts + 1 WHERE run = ("  # noqa: S608
            f"SELECT run FROM jobs WHERE slot IS NULL AND device IN ({marks}) "
            f"ORDER BY place, run LIMIT 1) RETURNING {_COLUMNS}",
            (slot, *wanted),
        ).fetchone()
    return _job(row) if row else None


def release(workspace: Workspace, job: Job, *, counted: bool) -> None:
    """Let a claimed job wait again where it was; not `counted`: nothing was done for it."""
    with index.opened(workspace.index) as connection:
        connection.execute(
            "UPDATE jobs SET slot = NULL, attempts = attempts - ? WHERE run = ? AND slot = ?",
            (0 if counted else 1, job.run, job.slot),
        )


def finish(workspace: Workspace, job: Job) -> None:
    """Take a claimed job off the queue, unless it was put there again meanwhile."""
    with index.opened(workspace.index) as connection:
        connection.execute("DELETE FROM jobs WHERE run = ? AND slot = ?", (job.run, job.slot))


def again(workspace: Workspace, job: Job) -> None:
    """Let a run whose process died be executed once more, in its old place."""
    with index.changing(workspace.index) as connection:
        mark(workspace.run(job.run), job.by)
        connection.execute("UPDATE jobs SET slot = NULL WHERE run = ?", (job.run,))


def leave(workspace: Workspace, run: str) -> None:
    """Take a run off the queue altogether, marker and all."""
    with index.changing(workspace.index) as connection:
        workspace.run(run).queued.unlink(missing_ok=True)
        connection.execute("DELETE FROM jobs WHERE run = ?", (run,))


def cancel(workspace: Workspace, run: str) -> bool:
    """Take a waiting run out of the queue and say so in its events; False if none waits.

    Raises:
        RunError: a process has its lock.
    """
    paths = workspace.run(run)
    with index.changing(workspace.index) as connection:
        _mend(connection, workspace)
        gone = connection.execute(
            "DELETE FROM jobs WHERE run = ? AND slot IS NULL RETURNING run", (run,)
        ).fetchone()
        if gone is None:
            return False
        busy = RunError(f"The run {run} is just beginning.", "Stop it in a moment.")
        with lock.held(paths.lock, busy):
            journal.append(paths.events, Cancelled())
            paths.queued.unlink(missing_ok=True)
    return True


def move(workspace: Workspace, run: str, where: Move) -> None:
    """Change the place of a waiting run; the first one stays first when moved up.

    Raises:
        RunError: it does not wait.
    """
    with index.changing(workspace.index) as connection:
        _mend(connection, workspace)
        found = connection.execute("SELECT run FROM jobs WHERE slot IS NULL ORDER BY place, run")
        order = [row[0] for row in found]
        if run not in order:
            raise RunError(
                f"The run {run} does not wait in the queue.",
                "Only a waiting run can be moved; the list of runs shows which ones wait.",
            )
        now = order.index(run)
        target = {Move.FIRST: 0, Move.UP: max(now - 1, 0), Move.DOWN: now + 1}[where]
        order.insert(target, order.pop(now))
        connection.executemany(
            "UPDATE jobs SET place = ? WHERE run = ?",
            [(place, run) for place, run in enumerate(order, start=1)],
        )


def mend(workspace: Workspace) -> None:
    """Make the table agree with the markers, as after the index was deleted."""
    with index.changing(workspace.index) as connection:
        _mend(connection, workspace)


def _mend(connection: sqlite3.Connection, workspace: Workspace) -> None:
    marked = {path.parent.name for path in workspace.runs.glob("*/queued")}
    known = {row[0]: row[1] for row in connection.execute("SELECT run, slot FROM jobs")}
    for run in sorted(marked - known.keys()):  # ids sort by the time they were made
        paths = workspace.run(run)
        if paths.config.is_file() and not lock.is_held(paths.lock):
            add(connection, run, _device(paths), str(_marked(paths).get("by", "")))
    unmarked = [(run,) for run, slot in known.items() if slot is None and run not in marked]
    connection.executemany("DELETE FROM jobs WHERE run = ?", unmarked)


def _marked(paths: RunPaths) -> dict[str, Any]:
    """What the marker says; nothing if it is damaged, for that it stands is what counts."""
    try:
        found = json.loads(paths.queued.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _device(paths: RunPaths) -> Device:
    """The device that the settings ask for; any, where they cannot be read."""
    try:
        return Device(json.loads(paths.config.read_bytes())["settings"]["device"])
    except (OSError, ValueError, KeyError, TypeError):
        return Device.AUTO


def _job(row: tuple[str, str, str, int, str | None]) -> Job:
    run, device, by, attempts, slot = row
    return Job(run, Device(device), by, attempts, slot)
