"""The index of runs: SQLite, for fast lists. It can be rebuilt from the run folders at any time.

The folders are the truth. A run that has not ended is read from its folder each time; once it
has ended its line is kept here. Only the app's host opens the index: a worker writes nothing but
its run folder.
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

from medxfer.errors import WorkspaceError
from medxfer.runs.summary import RunState, RunSummary

_BUSY_SECONDS = 10.0


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


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create,)
"""Applied in order; `PRAGMA user_version` counts those that are done."""

_COLUMNS = tuple(field.name for field in fields(RunSummary))


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in WAL mode at the latest migration; what the block writes is committed whole.

    Raises:
        WorkspaceError: the file is damaged, or of a newer version of medxfer.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            _migrate(connection)
            with connection:
                yield connection
    except sqlite3.DatabaseError as error:
        raise WorkspaceError(
            f"The index of runs ({path.name}) cannot be used: {error}.",
            "Make sure that the disk is not full and close other copies of medxfer; if that does "
            "not help, delete the file: it is rebuilt from the run folders, and no run is lost.",
        ) from error


def claim_request(connection: sqlite3.Connection, request: str, run: str) -> str:
    """The run that belongs to a request: `run`, or the one that an earlier claim of it named."""
    connection.execute("INSERT OR IGNORE INTO requests VALUES (?, ?)", (request, run))
    row = connection.execute("SELECT run FROM requests WHERE request = ?", (request,)).fetchone()
    return str(row[0])


def remember(connection: sqlite3.Connection, summaries: Iterable[RunSummary]) -> None:
    """Keep the lines of runs that have ended."""
    rows = [
        {**asdict(line), "created": line.created.isoformat(), "state": str(line.state),
         "validation": json.dumps(line.validation)}
        for line in summaries
    ]  # fmt: skip
    marks = ", ".join(f":{name}" for name in _COLUMNS)
    connection.executemany(
        f"INSERT OR REPLACE INTO runs ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608
        rows,
    )


def forget(connection: sqlite3.Connection, runs: Iterable[str]) -> None:
    connection.executemany("DELETE FROM runs WHERE run = ?", [(run,) for run in runs])


def remembered(connection: sqlite3.Connection) -> dict[str, RunSummary]:
    """The lines kept, by run id."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM runs")  # noqa: S608
    return {row[0]: _summary(dict(zip(_COLUMNS, row, strict=True))) for row in rows}


def _summary(values: dict[str, Any]) -> RunSummary:
    values["created"] = datetime.fromisoformat(values["created"])
    values["state"] = RunState(values["state"])
    values["validation"] = json.loads(values["validation"])
    return RunSummary(**values)


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
