"""What a source says of its images, before any of them is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import pandas as pd

from medxfer.data.manifest import Split
from medxfer.errors import DataError

Kind = Literal["folder", "csv", "medmnist", "phantom"]

_JUNK = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
_NO_TEXT = "Its name, or that of a folder around it, is not valid UTF-8 text. Rename it."
_LINK = "It is a link that leads elsewhere and was not followed."
_MASKS = re.compile(r"^masks?$|[_-]masks$|[_-]mask(_\d+)?\.\w+$")
"""Folders of masks, and masks lying beside their pictures (`benign (1)_mask.png`)."""
_SPELLINGS = {
    **dict.fromkeys(("train", "training", "trainset", "traindata", "tr"), Split.TRAIN),
    **dict.fromkeys(
        ("val", "valid", "validation", "validate", "valset", "validationset", "dev"),
        Split.VALIDATION,
    ),
    **dict.fromkeys(("test", "testing", "testset", "testdata", "holdout"), Split.TEST),
}
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".dcm"})


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


@dataclass(frozen=True)
class Tree:
    """The files below a folder or inside an archive.

    `files` are paths relative to the root, with /, in order; `refused` are links that were not
    followed; `read` gives a file's bytes.
    """

    name: str
    files: tuple[str, ...]
    read: Callable[[str], bytes]
    refused: dict[str, str] = field(default_factory=dict)


def looks_like_picture(file: str) -> bool:
    """Whether the name has a suffix pictures have; only a first guess."""
    return PurePosixPath(file).suffix.casefold() in PICTURE_SUFFIXES


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
    what the folder holds.

    Raises:
        DataError: the folder cannot be read.
    """
    root = folder.resolve()
    try:
        found = dict(_walk(root, str(root), ""))
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read: {error.strerror}.",
            "Check that it is there and that you may read it.",
        ) from error

    def read(file: str) -> bytes:
        try:
            return (root / file).read_bytes()
        except OSError as error:
            raise DataError(
                f"{file} cannot be read: {error.strerror}.", "Check that you may read it."
            ) from error

    files = sorted(name for name, reason in found.items() if not reason)
    refused = {name: reason for name, reason in found.items() if reason}
    return Tree(folder.name, tuple(files), read, refused)


def _walk(root: Path, where: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Files below `where`, each with the reason why it is refused, or ""."""
    with os.scandir(where) as entries:
        for entry in entries:
            name = prefix + entry.name
            if not _is_text(name):
                yield os.fsencode(name).decode("utf-8", "replace"), _NO_TEXT
            elif entry.is_symlink():
                inside = Path(entry.path).resolve().is_relative_to(root)
                yield name, "" if inside and entry.is_file() else _LINK
            elif entry.is_dir():
                yield from _walk(root, entry.path, name + "/")
            elif entry.is_file():
                yield name, ""


def _is_text(name: str) -> bool:
    """Whether a name can be written down; Linux allows names that are no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
