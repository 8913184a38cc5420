"""The index of runs: SQLite, for fast lists. It can be rebuilt from the run folders at any time.

The folders are the truth. A run that has not ended is read from its folder each time; once it
has ended its line is kept here, and counts while its events are as they were. The queue stands
here too (`queue`). Only the app's host opens the index: a worker writes nothing but its run folder.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from medxfer.disk import network_file_system
from medxfer.errors import WorkspaceError
from medxfer.runs.summary import RunState, RunSummary

_BUSY_SECONDS = 10.0
_PRIMARY = 0xFF
"""The part of SQLite's error codes that says what kind it is."""


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(
        """CREATE TABLE runs (
            run TEXT PRIMARY KEY, data TEXT NOT NULL, depth INTEGER NOT NULL,
            strategy TEXT NOT NULL, weights TEXT NOT NULL, note TEXT NOT NULL,
            created TEXT NOT NULL, state TEXT NOT NULL, epochs INTEGER NOT NULL,
            planned_epochs INTEGER NOT NULL, best_epoch INTEGER, validation TEXT NOT NULL,
            seconds REAL, problem TEXT NOT NULL
        )"""
    )
    connection.execute(
        "CREATE TABLE requests (request TEXT PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID"
    )


def _add_queue(connection: sqlite3.Connection) -> None:
    connection.execute(
        """CREATE TABLE jobs (
            run TEXT PRIMARY KEY, place INTEGER NOT NULL, device TEXT NOT NULL,
            asked_by TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, slot TEXT
        )"""
    )
    # Two runs on one device would be a fault wherever it came from.
    connection.execute("CREATE UNIQUE INDEX one_a_slot ON jobs (slot) WHERE slot IS NOT NULL")
    connection.execute("ALTER TABLE runs ADD COLUMN stamp TEXT NOT NULL DEFAULT ''")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create, _add_queue)
"""Applied in order; `PRAGMA user_version` counts those that are done."""

_COLUMNS = (*(field.name for field in fields(RunSummary)), "stamp")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in WAL mode at the latest migration; what the block writes is committed whole.

    Raises:
        WorkspaceError: the file is damaged, of a newer version of medxfer, or on a disk of another
            computer.
    """
    if kind := network_file_system(path.parent):
        raise WorkspaceError(
            f"The workspace folder {path.parent} lies on a network disk ({kind}), where the index "
            "of runs would be damaged sooner or later.",
            "Choose a folder on a disk of this computer with --workspace or MEDXFER_HOME; images "
            "may stay on the network disk.",
        )
    try:
        with closing(_connect(path)) as connection:
            _migrate(connection)
            with connection:
                yield connection
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """As `opened`, and nobody else changes anything while the block runs."""
    with opened(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_SECONDS)


def _unusable(path: Path, error: sqlite3.DatabaseError) -> WorkspaceError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    match code & _PRIMARY:
        case sqlite3.SQLITE_FULL:
            return WorkspaceError(
                f"The disk is full: the index of runs ({path.name}) could not be written. It is as "
                "it was before.",
                "Free some space and try again.",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return WorkspaceError(
                f"The index of runs ({path.name}) was in use by another process for more than "
                f"{_BUSY_SECONDS:.0f} s.",
                "Try again; if it stays so, close other copies of medxfer.",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return WorkspaceError(
                f"The index of runs ({path}) cannot be written: {error}.",
                "Mend the permissions of the file and of its folder.",
            )
        case _:
            return WorkspaceError(
                f"The index of runs ({path.name}) cannot be used: {error}.",
                "Make sure that the disk is not full and close other copies of medxfer; if that "
                "does not help, delete the file: it is rebuilt from the run folders, and no run "
                "is lost, only the order of those that wait.",
            )


def claim_request(connection: sqlite3.Connection, request: str, run: str) -> str:
    """The run that belongs to a request: `run`, or the one that an earlier claim of it named."""
    connection.execute("INSERT OR IGNORE INTO requests VALUES (?, ?)", (request, run))
    row = connection.execute("SELECT run FROM requests WHERE request = ?", (request,)).fetchone()
    return str(row[0])


def remember(connection: sqlite3.Connection, lines: Iterable[tuple[RunSummary, str]]) -> None:
    """Keep the lines of runs that have ended, each with the stamp of the events it sums up."""
    rows = [
        {**asdict(line), "created": line.created.isoformat(), "state": str(line.state),
         "validation": json.dumps(line.validation), "stamp": stamp}
        for line, stamp in lines
    ]  # fmt: skip
    marks = ", ".join(f":{name}" for name in _COLUMNS)
    connection.executemany(
        f"INSERT OR REPLACE INTO runs ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608
        rows,
    )


def forget(connection: sqlite3.Connection, runs: Iterable[str]) -> None:
    connection.executemany("DELETE FROM runs WHERE run = ?", [(run,) for run in runs])


def remembered(connection: sqlite3.Connection) -> dict[str, tuple[RunSummary, str]]:
    """The lines kept, with their stamps, by run id."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM runs")  # noqa: S608
    return {row[0]: _summary(dict(zip(_COLUMNS, row, strict=True))) for row in rows}


def _summary(values: dict[str, Any]) -> tuple[RunSummary, str]:
    values["created"] = datetime.fromisoformat(values["created"])
    values["state"] = RunState(values["state"])
    values["validation"] = json.loads(values["validation"])
    stamp = values.pop("stamp")
    return RunSummary(**values), stamp


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == len(MIGRATIONS):
        return
    _write_ahead(connection)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        done = _version(connection)
        if done > len(MIGRATIONS):
            raise sqlite3.DatabaseError("it was written by a newer version of medxfer")
        for number, migrate in enumerate(MIGRATIONS[done:], start=done + 1):
            migrate(connection)
            connection.execute(f"PRAGMA user_version = {number}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL, which the file remembers; SQLite does not wait for its turn to do that."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
