"""Writing a workspace into one archive."""

from __future__ import annotations

import errno
import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from medxfer import __version__
from medxfer.archiving import catalogue
from medxfer.archiving.catalogue import Catalogue, Entry
from medxfer.archiving.contents import Contents, Item, gather
from medxfer.data import archive
from medxfer.errors import WorkspaceError
from medxfer.events import Tell
from medxfer.files import replacing
from medxfer.paths import Workspace, typed_path

_PIECE = 1 << 20
_MEGABYTE = 1_000_000
_SPARE = 1 << 24
"""Bytes beside the files: the names in the archive, and its catalogue."""
_AN_ENTRY = 600
_READABLE = 0o600 << 16


@dataclass(frozen=True)
class Exported:
    """What an export wrote: the file, its bytes, files by kind, and what a person should know."""

    path: Path
    bytes: int
    files: dict[str, int]
    left_out: tuple[str, ...]
    cautions: tuple[str, ...]


def export(
    workspace: Workspace,
    target: Path,
    *,
    images: bool = True,
    secret: bool = False,
    tell: Tell = lambda *_: None,
) -> Exported:
    """Write everything the app keeps into the ZIP file `target`, which is not there yet.

    Files are stored as they are, each with its SHA-256 in the catalogue. Memory does not grow with
    their size. `tell` gets megabytes; if it raises, nothing is left.

    Raises:
        WorkspaceError: the file is there, cannot be written, or something changed meanwhile.
        ArchiveError: the workspace has a name in it that no archive may have.
    """
    target = _free_place(workspace, target)
    found = gather(workspace, images=images, secret=secret)
    needed = found.size + _SPARE + _AN_ENTRY * len(found.items)
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise WorkspaceError(
            f"The archive would take {needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free in "
            f"{target.parent}.",
            "Choose a file on another disk, free some space, or use --without-images.",
        )
    try:
        with replacing(target) as temporary:
            _write(temporary, found, tell, images=images)
            # what is refused when it is imported is not exported
            with zipfile.ZipFile(temporary) as packed:
                archive.check(packed, target.name, catalogue.LIMITS)
            _check_unchanged(found)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else error.strerror or str(error)
        raise WorkspaceError(
            f"The archive {target} could not be written: {why}. Nothing was left of it.",
            "Choose a file on another disk, or free some space.",
        ) from error
    files: dict[str, int] = {}
    for item in found.items:
        kind = item.path.partition("/")[0]
        files[kind] = files.get(kind, 0) + 1
    size = target.stat().st_size
    return Exported(target, size, files, tuple(found.left_out), tuple(found.cautions))


def _free_place(workspace: Workspace, target: Path) -> Path:
    target = typed_path(target, WorkspaceError)
    if target.exists():
        raise WorkspaceError(f"{target} is there already.", "Choose another name for the archive.")
    if target.resolve().is_relative_to(workspace.root.resolve()):
        raise WorkspaceError(
            f"{target} lies in the workspace itself.", "Choose a folder outside of it."
        )
    if not target.parent.is_dir():
        raise WorkspaceError(
            f"There is no folder {target.parent} to write the archive into.",
            "Make it, or choose another.",
        )
    return target


def _write(path: Path, found: Contents, tell: Tell, *, images: bool) -> None:
    total, done = found.size // _MEGABYTE, 0
    entries = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
        for item in found.items:
            tell("Writing the archive (MB)", min(done // _MEGABYTE, total), total)
            entry = _add(packed, item)
            entries.append(entry)
            done += entry.bytes
        described = Catalogue(
            medxfer=__version__,
            created=datetime.now(UTC),
            images=images,
            left_out=tuple(found.left_out),
            entries=tuple(entries),
        )
        packed.writestr(catalogue.NAME, described.model_dump_json())
    tell("Writing the archive (MB)", total, total)


def _add(packed: zipfile.ZipFile, item: Item) -> Entry:
    digest, size = hashlib.sha256(), 0
    header = zipfile.ZipInfo(item.path)
    header.external_attr = _READABLE
    try:
        with packed.open(header, "w", force_zip64=item.size > zipfile.ZIP64_LIMIT // 2) as into:
            for piece in _pieces(item):
                digest.update(piece)
                size += len(piece)
                into.write(piece)
    except FileNotFoundError as error:
        raise _changed(item) from error
    return Entry(path=item.path, sha256=digest.hexdigest(), bytes=size, modified=item.modified)


def _pieces(item: Item) -> Iterator[bytes]:
    """What is to be kept; of a file that grows, as much as it held when it was found."""
    if item.content is not None:
        yield item.content
        return
    with item.source.open("rb") as file:
        yield from _first(file, item.size)


def _first(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (piece := file.read(min(_PIECE, size))):
        size -= len(piece)
        yield piece


def _check_unchanged(found: Contents) -> None:
    """Make sure that what was copied file by file belongs together."""
    for item in found.items:
        if not item.unchanged:
            raise _changed(item)


def _changed(item: Item) -> WorkspaceError:
    return WorkspaceError(
        f"{item.path} changed or vanished while the workspace was being exported. Nothing was "
        "written.",
        "Export again when nobody imports, trains on or corrects it.",
    )
