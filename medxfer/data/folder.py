"""Folders of images: train/val/test with class folders, or class folders alone."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pandas as pd

from medxfer.data.listing import (
    Listing,
    SkippedFile,
    Tree,
    is_ignored,
    looks_like_picture,
    split_of,
)
from medxfer.data.manifest import PARTS
from medxfer.errors import DataError

_SHAPE = (
    "Put the pictures into one folder per class (perhaps inside train, val and test), "
    "or add a table with a file and a label column."
)
_NAMED = 5


def visible(tree: Tree) -> tuple[tuple[str, ...], Counter[str]]:
    """Files that count, and how many were passed over by the name that made them."""
    kept: list[str] = []
    passed: Counter[str] = Counter()
    for file in tree.files:
        reason = next((part for part in file.split("/") if is_ignored(part)), None)
        if reason is None:
            kept.append(file)
        else:
            passed["hidden files" if reason.startswith(".") else reason] += 1
    return tuple(kept), passed


def unwrap(files: tuple[str, ...]) -> str:
    """The prefix ("" or "a/b/") of single folders that wrap all these files.

    A folder that holds files itself is not passed, nor is one named after a split.
    """
    prefix = ""
    while files:
        inner = {file[len(prefix) :].split("/", 1)[0] for file in files}
        if len(inner) != 1:
            return prefix
        only = inner.pop()
        below = f"{prefix}{only}/"
        one_class = all("/" not in file[len(below) :] for file in files)
        if f"{prefix}{only}" in files or split_of(only) or one_class:
            return prefix
        prefix = below
    return prefix


def read_folder(tree: Tree) -> Listing:
    """Understand a tree of folders; nothing is opened.

    Raises:
        DataError: there are no pictures, or no class folders.
    """
    files, passed = visible(tree)
    if not files:
        raise DataError(f"{tree.name} holds no pictures.", _SHAPE)
    prefix = unwrap(tuple(filter(looks_like_picture, files)) or files)
    inside, stray = _divide(files, prefix)
    parts = [PurePosixPath(file[len(prefix) :]).parts for file in inside]
    splits = {part[0] for part in parts if len(part) > 1 and split_of(part[0])}
    depth = 1 if splits else 0
    rows: list[tuple[str, str, str]] = []
    for file, part in zip(inside, parts, strict=True):
        if len(part) < depth + 2 or (splits and part[0] not in splits):
            stray.append(file)
        else:
            rows.append((file, part[depth], str(split_of(part[0]) or "") if splits else ""))
    if not rows:
        raise DataError(f"{tree.name} has no class folders with pictures in them.", _SHAPE)
    table = pd.DataFrame(rows, columns=["file", "label", "split"]).assign(patient="")
    skipped = [SkippedFile(file, "It lies in no class folder.") for file in stray]
    skipped += [SkippedFile(file, reason) for file, reason in tree.refused.items()]
    return Listing(
        "folder",
        _layout(prefix, {str(split_of(name)) for name in splits}, table),
        table,
        tuple(skipped),
        _passed_over(passed),
    )


def _divide(files: tuple[str, ...], prefix: str) -> tuple[list[str], list[str]]:
    inside = [file for file in files if file.startswith(prefix)]
    return inside, [file for file in files if not file.startswith(prefix)]


def _layout(prefix: str, splits: set[str], table: pd.DataFrame) -> str:
    inside = f" inside {prefix.rstrip('/')}" if prefix else ""
    classes = f"{table['label'].nunique()} class folders"
    if not splits:
        return f"{classes}{inside}, no given splits"
    given = ", ".join(str(part) for part in PARTS if part in splits)
    return f"{given} with {classes}{inside}"


def _passed_over(passed: Counter[str]) -> tuple[str, ...]:
    if not passed:
        return ()
    named = ", ".join(f"{name} ({count})" for name, count in passed.most_common(_NAMED))
    more = ", …" if len(passed) > _NAMED else ""
    return (f"Not pictures to learn from, and passed over: {named}{more}.",)
