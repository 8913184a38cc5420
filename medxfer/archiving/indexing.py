"""The index of runs, made to say what the folders say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from medxfer import lock
from medxfer.errors import RunError, WorkspaceError
from medxfer.paths import Workspace
from medxfer.runs import index
from medxfer.runs.store import list_runs, load_run
from medxfer.runs.summary import RunSummary

_BESIDE = ("", "-wal", "-shm")
"""Endings of the files that are one SQLite database."""


def rebuild(workspace: Workspace, *, repair: bool = False) -> list[str]:
    """Write lines anew that are missing or wrong; sentences on what was put right.

    With `repair`, an index that is damaged, or of a newer version, is put aside and made anew.

    Raises:
        WorkspaceError: it cannot be used, and `repair` is not set, or others have it open.
    """
    absent = not workspace.index.exists()
    mended = []
    try:
        _check(workspace.index)
        wrong = _wrong_lines(workspace)
    except WorkspaceError:
        if not repair:
            raise
        aside = _put_aside(workspace)
        mended.append(
            f"The index of runs could not be used. It was put aside as {aside.name} and made anew "
            "from the run folders."
        )
        wrong = []
    if wrong:
        with index.opened(workspace.index) as connection:
            index.forget(connection, wrong)
        mended.append(
            f"{len(wrong):,} lines of the index were not what the run folders say and were "
            "written anew."
        )
    count = len(list_runs(workspace))
    if absent and count:
        mended.append(f"The index of runs was gone; it was made anew from {count:,} run folders.")
    return mended


def _check(path: Path) -> None:
    """SQLite's own check, on the file as it is.

    Raises:
        WorkspaceError: the file is damaged, or of a newer version.
    """
    with index.opened(path):
        pass
    try:
        with closing(sqlite3.connect(path)) as connection:
            said = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    if said != ["ok"]:
        raise WorkspaceError(
            f"The index of runs ({path.name}) is damaged: {said[0]}.",
            "Close the app and make it anew: medxfer workspace check --repair",
        )


def _wrong_lines(workspace: Workspace) -> list[str]:
    """Runs whose line is not what their folder says, or cannot be read."""
    try:
        with index.opened(workspace.index) as connection:
            known = index.remembered(connection)
    except (ValueError, TypeError):  # a flipped byte within a value, which SQLite does not see
        with index.opened(workspace.index) as connection:
            return [str(row[0]) for row in connection.execute("SELECT run FROM runs")]
    return [run for run, (line, _) in known.items() if line != _as_folder_says(workspace, run)]


def _as_folder_says(workspace: Workspace, run: str) -> RunSummary | None:
    try:
        return load_run(workspace, run).summary
    except RunError:
        return None


def _put_aside(workspace: Workspace) -> Path:
    """Rename the database, so that a new one can be made; the old one is kept.

    Raises:
        WorkspaceError: a process that starts runs has it open.
    """
    if lock.is_held(workspace.supervisor):
        raise WorkspaceError(
            "The index of runs cannot be made anew while a process of this workspace starts runs.",
            "Close the app and let the runs end, or stop 'medxfer worker'; then try again.",
        )
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    aside = workspace.index.with_name(f"index-damaged-{stamp}.sqlite")
    for ending in _BESIDE:
        path = workspace.index.with_name(workspace.index.name + ending)
        if path.exists():
            path.rename(aside.with_name(aside.name + ending))
    return aside
