"""ZIP files: checked whole before a byte is written, then unpacked."""

from __future__ import annotations

import os
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from medxfer.data.listing import Tree
from medxfer.errors import ArchiveError

MAX_ENTRIES = 200_000
MAX_TOTAL = 64 * 2**30
MAX_FILE = 4 * 2**30
MAX_RATIO = 200
_RATIO_FROM = 10 * 2**20
"""Smaller files may be packed as tightly as they like: a blank picture is."""
_MAX_NAME = 255
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30
_ANEW = "Create the ZIP again."
_FAULTS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError,
    RuntimeError, ValueError,
)  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, checked.

    Raises:
        ArchiveError: it is damaged or holds anything unsafe; it is then refused as a whole.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check(archive, path.name)
            yield archive
    except _FAULTS as error:
        raise ArchiveError(
            f"{path.name} cannot be unpacked: it is damaged, or not a ZIP file.", _ANEW
        ) from error
    except OSError as error:
        raise ArchiveError(
            f"{path.name} cannot be read: {error.strerror or error}.",
            "Check that it is there, that you may read it and that the disk is not full.",
        ) from error


def check(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse anything that could write outside, overwrite, or fill the disk."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise _refused(name, f"it holds {len(entries):,} entries, the limit is {MAX_ENTRIES:,}")
    for entry in entries:
        _check_entry(entry, name)
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    # Overlapping entries are how a small file declares a huge one without a high ratio.
    if total > MAX_TOTAL or _overlap(entries) or total > max(_RATIO_FROM, MAX_RATIO * packed):
        raise _refused(
            name, f"it would unpack to {total / 1e6:,.0f} MB from {packed / 1e3:,.0f} KB"
        )
    _check_twins(entries, name)


def tree(archive: zipfile.ZipFile, name: str) -> Tree:
    """The files of an archive as if they were a folder, without unpacking."""
    files = tuple(sorted(entry.filename for entry in archive.infolist() if not entry.is_dir()))
    return Tree(name, files, archive.read)


def unpack(path: Path, folder: Path) -> None:
    """Unpack into `folder`, which does not exist yet.

    Raises:
        ArchiveError: it is refused, damaged, or there is no room for it.
    """
    with opened(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        needed = sum(entry.file_size for entry in entries)
        folder.mkdir(parents=True)
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise ArchiveError(
                f"{path.name} needs {needed / 1e9:,.1f} GB unpacked, and {free / 1e9:,.1f} GB "
                "are free.",
                "Free some space, or import a folder instead.",
            )
        for entry in entries:
            target = folder.joinpath(*PurePosixPath(entry.filename).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as packed, target.open("xb") as file:
                shutil.copyfileobj(packed, file)


def _check_entry(entry: zipfile.ZipInfo, name: str) -> None:
    # zipfile cuts names at NUL and turns the separator; judge the name as it is stored.
    stored = entry.orig_filename
    parts = stored.replace("\\", "/").split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    shown = os.fsencode(stored)[:80].decode("utf-8", "replace")
    if ".." in parts or stored.startswith(("/", "\\")) or stored[1:2] == ":":
        raise _refused(name, f"'{shown}' would be written outside its folder")
    if "\x00" in stored or any(len(os.fsencode(part)) > _MAX_NAME for part in parts):
        raise _refused(name, f"'{shown}…' is not a usable file name")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(name, f"'{shown}' is a link or device, not a file")
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveError(
            f"{name} is protected by a password.", "Unpack it and import the folder."
        )
    too_tight = entry.file_size > max(_RATIO_FROM, MAX_RATIO * entry.compress_size)
    if entry.file_size > MAX_FILE or too_tight:
        raise _refused(name, f"'{shown}' would unpack to {entry.file_size / 1e6:,.0f} MB")


def _overlap(entries: list[zipfile.ZipInfo]) -> bool:
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    ends = [entry.header_offset + _LOCAL_HEADER + entry.compress_size for entry in ordered]
    return any(end > after.header_offset for end, after in zip(ends, ordered[1:], strict=False))


def _check_twins(entries: list[zipfile.ZipInfo], name: str) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        plain = unicodedata.normalize("NFC", entry.filename).casefold().rstrip("/")
        if plain in seen:
            raise _refused(name, f"'{seen[plain]}' and '{entry.filename}' have the same name")
        seen[plain] = entry.filename


def _refused(name: str, reason: str) -> ArchiveError:
    return ArchiveError(f"{name} was refused: {reason}. Nothing was unpacked.", _ANEW)
