"""Taking an archive of a workspace into another one."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medxfer.archiving import catalogue, merging
from medxfer.archiving.catalogue import DATASETS, RUNS, WEIGHTS, Entry, Thing
from medxfer.archiving.renaming import free_name, rename_dataset, rename_within_run
from medxfer.archiving.sameness import is_same, place_of
from medxfer.data import archive
from medxfer.data.staging import aside
from medxfer.errors import ArchiveError, WorkspaceError
from medxfer.events import Tell
from medxfer.paths import Workspace, typed_path
from medxfer.runs import index

_MEGABYTE = 1_000_000
_NAMED = 5
_WORDS = {DATASETS: "data set", RUNS: "run", WEIGHTS: "weights file"}

Things = dict[Thing, list[Entry]]


@dataclass(frozen=True)
class Placed:
    """One data set, run or weights file of an archive, and what was done with it."""

    kind: str
    """ "data set", "run" or "weights file"."""
    name: str
    outcome: Literal["imported", "renamed", "skipped"]
    """`skipped`: the same is here already."""
    now: str
    """What it is called here."""


@dataclass(frozen=True)
class Imported:
    """What an import did, and what the export had left out."""

    placed: tuple[Placed, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def import_archive(
    workspace: Workspace,
    path: Path,
    *,
    rename: bool = False,
    tell: Tell = lambda *_: None,
) -> Imported:
    """Take everything of an archive in: the whole archive is checked, then unpacked aside.

    What is here already, with the same content, is passed over. Each thing appears whole; after an
    import that was killed, another one brings what is missing. `tell` gets megabytes, and may
    raise to end it: then nothing is taken in.

    Raises:
        ArchiveError: it is refused or damaged.
        WorkspaceError: a name is taken by another content and `rename` is not set, or something
            cannot be written; nothing was taken in.
    """
    path = typed_path(path, ArchiveError)
    with archive.opened(path, catalogue.LIMITS) as packed:
        listed = catalogue.read(packed, path.name)
        things = listed.things()
        own = {thing: things[thing] for thing in things if thing.kind}
        same, other = _here(workspace, packed, own)
        if other and not rename:
            raise _taken(path.name, other)
        names = {thing: _name(workspace, thing, own) for thing in other}
        wanted = {thing: files for thing, files in things.items() if thing not in same}
        with aside(workspace) as folder:
            try:
                folder.chmod(0o700)  # a secret may be in it
                _unpack(packed, wanted, folder, path.name, tell)
                # before anything appears, what it consists of is on the disk
                os.sync()
                _place(workspace, folder, wanted, names)
                notes = merging.merge(workspace, folder)
            except OSError as error:
                raise _refused(workspace, error) from error
    placed = tuple(_told(thing, same, names) for thing in own)
    return Imported(placed, listed.left_out, notes)


def _here(
    workspace: Workspace, packed: zipfile.ZipFile, things: Things
) -> tuple[set[Thing], set[Thing]]:
    """Things whose name is taken: by the same content, and by another one."""
    taken = {thing for thing in things if place_of(workspace, thing).exists()}
    same = {thing for thing in taken if is_same(workspace, packed, thing, things[thing])}
    return same, taken - same


def _name(workspace: Workspace, thing: Thing, things: Things) -> str:
    def taken(name: str) -> bool:
        other = Thing(thing.kind, name)
        return other in things or place_of(workspace, other).exists()

    return free_name(thing, taken)


def _unpack(packed: zipfile.ZipFile, things: Things, folder: Path, name: str, tell: Tell) -> None:
    entries = [entry for files in things.values() for entry in files]
    needed, free = sum(entry.bytes for entry in entries), shutil.disk_usage(folder).free
    if needed > free:
        raise ArchiveError(
            f"{name} needs {needed / 1e6:,.1f} MB unpacked, and {free / 1e6:,.1f} MB are free.",
            "Free some space, or choose a workspace on another disk.",
        )
    done = 0
    for entry in entries:
        tell("Unpacking (MB)", done // _MEGABYTE, needed // _MEGABYTE)
        target = folder / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with target.open("xb") as file:
            for piece in archive.pieces(packed, packed.getinfo(entry.path), name):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != entry.sha256:
            raise ArchiveError(
                f"{name} is damaged: '{entry.path}' is not what it was when it was exported. "
                "Nothing was imported.",
                "Copy the archive again, or export it again.",
            )
        os.utime(target, ns=(entry.modified, entry.modified))
        done += entry.bytes
    tell("Unpacking (MB)", needed // _MEGABYTE, needed // _MEGABYTE)


def _place(workspace: Workspace, folder: Path, things: Things, names: Mapping[Thing, str]) -> None:
    """Rename each thing into its place; data sets and weights before the runs that use them."""
    for kind in (DATASETS, WEIGHTS, RUNS):
        for thing in sorted(thing for thing in things if thing.kind == kind):
            source = folder / kind / thing.name
            now = Thing(kind, names.get(thing, thing.name))
            if kind == DATASETS and thing in names:
                rename_dataset(source, now.name)
            if kind == RUNS:
                rename_within_run(source, names)
                (source / "checkpoints").mkdir(exist_ok=True)
            target = place_of(workspace, now)
            if target.exists():
                raise WorkspaceError(
                    f"The {_WORDS[kind]} '{now.name}' came into being meanwhile. What was imported "
                    "before it stays.",
                    "Import the archive again: what is here already is passed over.",
                )
            source.rename(target)
    with index.opened(workspace.index) as connection:
        new = [names.get(thing, thing.name) for thing in things if thing.kind == RUNS]
        index.forget(connection, new)


def _told(thing: Thing, same: set[Thing], names: Mapping[Thing, str]) -> Placed:
    kind = _WORDS[thing.kind]
    if thing in same:
        return Placed(kind, thing.name, "skipped", thing.name)
    if thing in names:
        return Placed(kind, thing.name, "renamed", names[thing])
    return Placed(kind, thing.name, "imported", thing.name)


def _taken(archive_name: str, things: set[Thing]) -> WorkspaceError:
    named = [f"{_WORDS[thing.kind]} '{thing.name}'" for thing in sorted(things)]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return WorkspaceError(
        f"{archive_name} holds things whose names are taken here by others: "
        f"{', '.join(named[:_NAMED])}{more}. Nothing was imported.",
        "Use --rename to import these under other names, or delete those that are here.",
    )


def _refused(workspace: Workspace, error: OSError) -> WorkspaceError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    why = "the disk is full" if full else error.strerror or str(error)
    return WorkspaceError(
        f"The archive could not be written to {workspace.root}: {why}.",
        "Mend that and import it again: what is here already is passed over.",
    )
