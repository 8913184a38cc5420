"""What a source says of its images, before any of them is opened."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import pandas as pd

from medxfer.data.manifest import Split
from medxfer.data.sniffing import HEAD
from medxfer.errors import DataError

Kind = Literal["folder", "csv", "medmnist", "phantom"]

_JUNK = frozenset({"dicomdir", "thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_NO_TEXT = "Its name, or that of a folder around it, is not valid UTF-8 text. Rename it."
_LINK = "It is a link that leads elsewhere and was not followed."
_LOOP = "It is a link that leads back to itself."
_MASKS = re.compile(r"^masks?$|[_-]masks$|[_-]mask(_\d+)?(\.nii)?\.\w+$|[_-]seg\.nii(\.gz)?$")
"""Folders of masks, and masks lying beside their pictures (`benign (1)_mask.png`)."""
_SPELLINGS = {
    **dict.fromkeys(("train", "training", "trainset", "traindata", "tr"), Split.TRAIN),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "valset", "validationset", "dev"),
        Split.VALIDATION,
    ),
    **dict.fromkeys(("test", "testing", "testset", "testdata", "holdout"), Split.TEST),
}
PICTURE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".nii", ".nii.gz",
)  # fmt: skip


@dataclass(frozen=True)
class SkippedFile:
    """A file that is left out, and why, in a sentence."""

    file: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """The images of a source as its folders, table or arrays name them.

    `table` has the text columns file (relative to the root, with /), label, patient and split
    ("" where the source says nothing), then whatever else the source gave. `columns` are those
    of the source's own table; `layout` says in words how the source was understood.
    """

    kind: Kind
    layout: str
    table: pd.DataFrame
    skipped: tuple[SkippedFile, ...] = ()
    warnings: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    patient_column: str | None = None
    dicom: bool = False
    """Some files look like DICOM, whose tags may name patients."""


@dataclass(frozen=True)
class Tree:
    """The files below a folder or inside an archive.

    `files` are paths relative to the root, with /, in order; `refused` are links that were not
    followed; `read` gives a file's bytes, `head` the first of them.
    """

    name: str
    files: tuple[str, ...]
    read: Callable[[str], bytes]
    refused: dict[str, str] = field(default_factory=dict)
    head: Callable[[str], bytes] = lambda _: b""


def looks_like_picture(file: str) -> bool:
    """Whether the name has a suffix pictures have; only a first guess."""
    name = PurePosixPath(file).name.casefold()
    return name.endswith(PICTURE_SUFFIXES) and name not in PICTURE_SUFFIXES


def split_of(name: str) -> Split | None:
    """The split a folder or table entry names in any common spelling; None if it names none."""
    bare = "".join(letter for letter in name.casefold() if letter.isalnum())
    return _SPELLINGS.get(bare)


def is_ignored(part: str) -> bool:
    """Whether a file or folder of this name is passed over: hidden, system litter, masks."""
    lowered = part.casefold()
    return part.startswith((".", "__MACOSX")) or lowered in _JUNK or bool(_MASKS.search(lowered))


def scan(folder: Path) -> Tree:
    """List a folder without opening a file.

    Links are used only if they point to a file inside the folder, so that what is imported is
    what the folder holds. Folders inside it that cannot be read are refused one by one.

    Raises:
        DataError: the folder itself cannot be read.
    """
    try:
        root = folder.resolve()
        found = dict(_walk(root))
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"The folder {folder} cannot be read: {_fault(error)}.",
            "Check that it is there and that you may read it.",
        ) from error

    def read(file: str, size: int = -1) -> bytes:
        try:
            with (root / file).open("rb") as opened:
                return opened.read(size)
        except OSError as error:
            raise DataError(
                f"{file} cannot be read: {_fault(error)}.", "Check that you may read it."
            ) from error

    files = sorted(name for name, reason in found.items() if not reason)
    refused = {name: reason for name, reason in found.items() if reason}
    return Tree(folder.name, tuple(files), read, refused, lambda file: read(file, HEAD))


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    """Files below `root`, each with the reason why it is refused, or ""."""
    waiting = [""]  # not by recursion: folders may be nested deeper than Python's stack
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(f"{root}/{prefix}") as entries:
                for entry in entries:
                    if not _is_text(entry.name):
                        yield os.fsencode(prefix + entry.name).decode("utf-8", "replace"), _NO_TEXT
                    elif not entry.is_symlink() and entry.is_dir():
                        waiting.append(f"{prefix}{entry.name}/")
                    elif (reason := _refusal(entry, root)) is not None:
                        yield prefix + entry.name, reason
        except OSError as error:
            if not prefix:
                raise
            yield prefix, f"This folder cannot be read: {_fault(error)}."


def _refusal(entry: os.DirEntry[str], root: Path) -> str | None:
    """Why a file or link is refused, "" if it is not; None if it is neither."""
    try:
        if entry.is_symlink():
            inside = Path(entry.path).resolve().is_relative_to(root)
            return "" if inside and entry.is_file() else _LINK
        return "" if entry.is_file() else None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        loop = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
        return _LOOP if loop else f"It cannot be read: {_fault(error)}."


def _fault(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _is_text(name: str) -> bool:
    """Whether a name can be written down; Linux allows names that are no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
