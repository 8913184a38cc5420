"""ZIP files: checked whole before a byte is written, then unpacked."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from medxfer.data.listing import Tree
from medxfer.data.sniffing import HEAD
from medxfer.errors import ArchiveError

MAX_ENTRIES = 200_000
MAX_TOTAL = 64 * 2**30
MAX_FILE = 4 * 2**30
MAX_RATIO = 200


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most: entries, and bytes unpacked, in all and of one file.

    `twins`: names that differ in nothing but case or composition are two names, as on Linux.
    """

    entries: int = MAX_ENTRIES
    total: int = MAX_TOTAL
    file: int = MAX_FILE
    twins: bool = False


FOREIGN = Limits()
"""For archives from anywhere."""
_RATIO_FROM = 10 * 2**20
"""Smaller files may be packed as tightly as they like: a blank picture is."""
_MAX_NAME = 255
_MAX_PATH = 1024
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30
_ANEW = "Create the ZIP again."
_PIECE = 1 << 20
_FAULTS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
"""What reading a damaged archive is known to raise; bz2 adds an OSError without a number."""


@contextmanager
def opened(path: Path, limits: Limits | None = None) -> Iterator[zipfile.ZipFile]:
    """The archive, checked.

    Raises:
        ArchiveError: it is damaged or holds anything unsafe; it is then refused as a whole.
    """
    with _reading(path.name):
        archive = zipfile.ZipFile(path)
    with archive:
        check(archive, path.name, limits)
        yield archive


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Faults of the archive itself as sentences; kept around nothing but reading from it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise _damaged(name) from error
        raise ArchiveError(
            f"{name} cannot be read: {error.strerror or error}.",
            "Check that it is there and that you may read it.",
        ) from error
    except _FAULTS as error:
        raise _damaged(name) from error


def check(archive: zipfile.ZipFile, name: str, limits: Limits | None = None) -> None:
    """Refuse anything that could write outside, overwrite, or fill the disk.

    Without `limits` those for archives from anywhere hold.
    """
    limits = limits or FOREIGN
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise _refused(name, f"it holds {len(entries):,} entries, the limit is {limits.entries:,}")
    for entry in entries:
        _check_entry(entry, name, limits.file)
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    # Overlapping entries are how a small file declares a huge one without a high ratio.
    if total > limits.total or _overlap(entries) or total > max(_RATIO_FROM, MAX_RATIO * packed):
        raise _refused(
            name, f"it would unpack to {total / 1e6:,.0f} MB from {packed / 1e3:,.0f} KB"
        )
    _check_twins(entries, name, apart=limits.twins)


def tree(archive: zipfile.ZipFile, name: str) -> Tree:
    """The files of an archive as if they were a folder, without unpacking."""
    entries = {
        str(PurePosixPath(entry.filename)): entry
        for entry in archive.infolist()
        if not entry.is_dir()
    }

    def read(file: str, size: int = -1) -> bytes:
        with _reading(name), archive.open(entries[file]) as packed:
            return packed.read(size)

    return Tree(name, tuple(sorted(entries)), read, head=lambda file: read(file, HEAD))


def unpack(path: Path, folder: Path) -> None:
    """Unpack into `folder`, which does not exist yet.

    Raises:
        ArchiveError: it is refused, damaged, or there is no room for it.
        OSError: it cannot be written.
    """
    with opened(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        needed = sum(entry.file_size for entry in entries)
        folder.mkdir(parents=True)
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise ArchiveError(
                f"{path.name} needs {needed / 1e6:,.1f} MB unpacked, and {free / 1e6:,.1f} MB "
                "are free.",
                "Free some space, or import a folder instead.",
            )
        for entry in entries:
            target = folder.joinpath(*PurePosixPath(entry.filename).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                for piece in pieces(archive, entry, path.name):
                    file.write(piece)


def pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """The bytes of one entry, in pieces of at most a megabyte; ArchiveError if it is damaged."""
    with _reading(name):
        packed = archive.open(entry)
    with packed:
        while True:
            with _reading(name):
                piece = packed.read(_PIECE)
            if not piece:
                return
            yield piece


def _check_entry(entry: zipfile.ZipInfo, name: str, largest: int) -> None:
    # zipfile cuts names at NUL and turns the separator; judge the name as it is stored.
    stored = entry.orig_filename
    parts = stored.replace("\\", "/").split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    shown = os.fsencode(stored)[:80].decode("utf-8", "replace")
    if ".." in parts or stored.startswith(("/", "\\")) or stored[1:2] == ":":
        raise _refused(name, f"'{shown}' would be written outside its folder")
    if "\x00" in stored or _unusable(entry, stored):
        raise _refused(name, f"'{shown}…' is not a usable file name")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(name, f"'{shown}' is a link or device, not a file")
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveError(
            f"{name} is protected by a password.", "Unpack it and import the folder."
        )
    too_tight = entry.file_size > max(_RATIO_FROM, MAX_RATIO * entry.compress_size)
    if entry.file_size > largest or too_tight:
        raise _refused(name, f"'{shown}' would unpack to {entry.file_size / 1e6:,.0f} MB")


def _overlap(entries: list[zipfile.ZipInfo]) -> bool:
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    ends = [entry.header_offset + _LOCAL_HEADER + entry.compress_size for entry in ordered]
    return any(end > after.header_offset for end, after in zip(ends, ordered[1:], strict=False))


def _check_twins(entries: list[zipfile.ZipInfo], name: str, *, apart: bool) -> None:
    """Refuse entries that would be one file here or on another system, however they are written.

    With `apart`, only those that would be one file here.
    """
    seen: dict[str, str] = {}
    files: dict[str, str] = {}
    for entry in entries:
        plain = str(PurePosixPath(entry.filename))
        if not apart:
            plain = unicodedata.normalize("NFC", plain).casefold()
        if plain in seen:
            raise _refused(name, f"'{seen[plain]}' and '{entry.filename}' have the same name")
        seen[plain] = entry.filename
        if not entry.is_dir():
            files[plain] = entry.filename
    folders = {plain.rpartition("/")[0] for plain in seen}
    while folders:
        for folder in folders & files.keys():
            raise _refused(name, f"'{files[folder]}' is there as a file and as a folder")
        folders = {folder.rpartition("/")[0] for folder in folders if "/" in folder}


def _unusable(entry: zipfile.ZipInfo, stored: str) -> bool:
    """Whether a name is too long for a file system, or names nothing."""
    size = len(os.fsencode(stored))
    longest = max(len(os.fsencode(part)) for part in stored.split("/"))
    nothing = not PurePosixPath(entry.filename).parts and not entry.is_dir()
    return size > _MAX_PATH or longest > _MAX_NAME or nothing


def _damaged(name: str) -> ArchiveError:
    return ArchiveError(f"{name} cannot be unpacked: it is damaged, or not a ZIP file.", _ANEW)


def _refused(name: str, reason: str) -> ArchiveError:
    return ArchiveError(f"{name} was refused: {reason}. Nothing was unpacked.", _ANEW)
