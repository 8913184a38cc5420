"""The bin: runs and data sets that were deleted, kept for a week to be brought back.

Each entry is a folder of its own: `info.json` and, below `thing`, what was deleted, renamed there
in one step. An entry without `thing` is one whose deleting or restoring was cut off; it is nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

from medxfer.errors import WorkspaceError
from medxfer.files import write_json
from medxfer.paths import Workspace

KEPT = timedelta(days=7)
_INFO, _THING, _DOOMED = "info.json", "thing", ".emptied-"


class Kind(StrEnum):
    """What can be in the bin."""

    RUN = "run"
    DATASET = "data set"


@dataclass(frozen=True)
class Binned:
    """One thing in the bin; `about` says in a few words what it was."""

    id: str
    kind: Kind
    name: str
    about: str
    by: str
    deleted: datetime

    @property
    def until(self) -> datetime:
        """When it goes for good."""
        return self.deleted + KEPT


def put(workspace: Workspace, kind: Kind, folder: Path, about: str, by: str) -> Binned:
    """Take a folder of the workspace into the bin.

    Raises:
        WorkspaceError: the disk refuses; the folder is where it was.
    """
    now = datetime.now(UTC)
    entry = Binned(f"{now:%Y%m%d-%H%M%S}-{token_hex(3)}", kind, folder.name, about, by, now)
    place = workspace.bin / entry.id
    values = {"kind": kind, "name": folder.name, "about": about, "by": by,
              "deleted": now.isoformat()}  # fmt: skip
    try:
        write_json(place / _INFO, values)
        folder.rename(place / _THING)
    except OSError as error:
        rmtree(place, ignore_errors=True)
        raise WorkspaceError(
            f"The {kind} '{folder.name}' could not be put into the bin: "
            f"{error.strerror or error}. It was not deleted.",
            "Free some space or check the permissions of the workspace, or delete it for good.",
        ) from error
    return entry


def contents(workspace: Workspace) -> list[Binned]:
    """What is in the bin, the latest first."""
    entries = [_read(info.parent) for info in workspace.bin.glob(f"*/{_INFO}")]
    found = [entry for entry in entries if entry is not None]
    return sorted(found, key=lambda entry: entry.deleted, reverse=True)


def find(workspace: Workspace, entry: str) -> Binned:
    """The thing in the bin that has this id or, if only one has it, this name.

    Raises:
        WorkspaceError: there is none, or several of the name.
    """
    found = contents(workspace)
    named = [each for each in found if each.id == entry] or [e for e in found if e.name == entry]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(each.id for each in named)
        raise WorkspaceError(
            f"Several things in the bin are called '{entry}': {ids}.", "Give one of these ids."
        )
    raise WorkspaceError(
        f"There is no '{entry}' in the bin.", "See what there is: medxfer bin list"
    )


def take_out(
    workspace: Workspace, entry: Binned, target: Path, change: Callable[[Path], None] | None = None
) -> None:
    """Bring a thing back to `target`; `change` is called on its folder before that.

    Raises:
        WorkspaceError: it is gone, something has taken its place, or the disk refuses.
    """
    place = workspace.bin / entry.id
    if target.exists():
        raise WorkspaceError(
            f"There is another {entry.kind} called '{target.name}' now. Nothing was changed.",
            "Restore it under another name, or delete the other first.",
        )
    try:
        if change is not None:
            change(place / _THING)
        (place / _THING).rename(target)
    except OSError as error:
        raise WorkspaceError(
            f"The {entry.kind} '{entry.name}' could not be restored: {error.strerror or error}.",
            "If it is no longer listed, somebody else restored it or emptied the bin.",
        ) from error
    rmtree(place, ignore_errors=True)


def remove(workspace: Workspace, entry: Binned) -> None:
    """Delete a thing in the bin for good; gone at once, cleared away after."""
    doomed = workspace.bin / f"{_DOOMED}{entry.id}"
    with suppress(FileNotFoundError):
        (workspace.bin / entry.id).rename(doomed)
    rmtree(doomed, ignore_errors=True)


def sweep(workspace: Workspace, now: datetime | None = None) -> list[Binned]:
    """Delete for good what has been in the bin for a week; says what."""
    moment = now or datetime.now(UTC)
    gone = [entry for entry in contents(workspace) if entry.until <= moment]
    for entry in gone:
        remove(workspace, entry)
    for left in workspace.bin.glob("*"):
        half_made = not (left / _THING).exists()
        old = left.stat().st_mtime < (moment - KEPT).timestamp()
        if left.name.startswith(_DOOMED) or (half_made and old):
            rmtree(left, ignore_errors=True)
    return gone


def _read(folder: Path) -> Binned | None:
    if folder.name.startswith(_DOOMED) or not (folder / _THING).is_dir():
        return None
    try:
        values = json.loads((folder / _INFO).read_bytes())
        values["deleted"] = datetime.fromisoformat(values["deleted"])
        return Binned(id=folder.name, **values | {"kind": Kind(values["kind"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
