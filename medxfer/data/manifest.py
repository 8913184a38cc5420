"""The manifest: a table, one row an image. The only way a data set is known to the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.errors import DataError

COLUMNS = (
    "image", "file", "label", "patient", "split",
    "width", "height", "mode", "format", "bytes", "modified", "sha256",
)  # fmt: skip
"""What every manifest has; columns behind these are whatever else the source gave, as text."""

GIVEN = "given split"
"""Column with the split as the source gives it, "" where it gives none."""
ORIGINAL_LABEL = "original label"
"""Column with the label as imported, in a manifest that was ever corrected."""
ARRANGED_SPLIT = "arranged split"
"""Column with the split before corrections, in a manifest that was ever corrected."""
MAY_SHOW_NAMES = "may show names"
"""Column with "yes" where names or dates may be burnt into the picture; only where any may be."""
OWN = (GIVEN, ORIGINAL_LABEL, ARRANGED_SPLIT, MAY_SHOW_NAMES)
"""Columns behind `COLUMNS` that are medxfer's own: no facts of the source about an image."""
_NUMBERS = ("width", "height", "bytes", "modified")


class Split(StrEnum):
    """The part of the data an image belongs to; `EXCLUDED` is used for nothing."""

    TRAIN = "train"
    VALIDATION = "val"
    TEST = "test"
    EXCLUDED = "excluded"

    @property
    def words(self) -> str:
        """What people call it."""
        return "validation" if self is Split.VALIDATION else str(self)


PARTS = (Split.TRAIN, Split.VALIDATION, Split.TEST)


@dataclass(frozen=True)
class Manifest:
    """One row an image.

    `image` is a short unique id; `file` is relative to `root`, or absolute; `modified` is the
    file's time stamp in nanoseconds; `width` and `height` are pixels as shown (after EXIF
    orientation); the other columns of `COLUMNS` are text. `classes` fixes the order of the
    classes: class 0 is the first.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    root: Path

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.table.columns]
        if missing:
            raise DataError(f"The manifest lacks the columns {', '.join(missing)}.")
        if self.table["image"].duplicated().any():
            raise DataError("The manifest has the same image id twice.")
        unknown = set(self.table["label"].unique()) - set(self.classes)
        if unknown:
            raise DataError(f"The manifest has labels outside its classes: {sorted(unknown)}.")

    def __len__(self) -> int:
        return len(self.table)

    def part(self, *splits: Split) -> Manifest:
        """The rows of these splits, in the same order."""
        rows = self.table["split"].isin([str(split) for split in splits])
        return replace(self, table=self.table[rows].reset_index(drop=True))

    def rows(self, *splits: Split) -> NDArray[np.int64]:
        """Where the rows of these splits stand in the table, in the same order as in `part`."""
        within = self.table["split"].isin([str(split) for split in splits])
        return np.flatnonzero(within).astype(np.int64)

    def with_splits(self, splits: pd.Series[str]) -> Manifest:
        """The same rows with another split each; `splits` is aligned with the rows."""
        return replace(self, table=self.table.assign(split=splits.to_numpy()))

    def path(self, file: str) -> Path:
        """Where an entry of the `file` column lies."""
        return self.root / file

    def paths(self) -> list[Path]:
        return [self.root / file for file in self.table["file"]]

    def targets(self) -> list[int]:
        """The class index of each row, 0 to len(classes) - 1."""
        index = {name: number for number, name in enumerate(self.classes)}
        return [index[label] for label in self.table["label"]]

    def counts(self) -> pd.DataFrame:
        """Images by class (rows) and split (columns), every class and part present."""
        counted = pd.crosstab(self.table["label"], self.table["split"])
        columns = [str(split) for split in PARTS]
        if Split.EXCLUDED in counted.columns:
            columns.append(str(Split.EXCLUDED))
        return counted.reindex(index=list(self.classes), columns=columns, fill_value=0)

    @cached_property
    def content_hash(self) -> str:
        """Changes when an image, its label or its patient changes; not with the split."""
        return _hash_rows(self.table[["image", "sha256", "label", "patient"]])

    @cached_property
    def split_hash(self) -> str:
        """Changes when an image moves to another split."""
        return _hash_rows(self.table[["image", "split"]])

    def save(self, path: Path) -> None:
        """Write the table as Parquet to `path`, which the caller replaces or renames."""
        self.table.to_parquet(path, index=False, write_page_checksum=True)


def load(path: Path, classes: Iterable[str], root: Path) -> Manifest:
    """Read a manifest that `Manifest.save` wrote; its checksums tell damaged text from true."""
    table = pd.read_parquet(path, page_checksum_verification=True)
    return Manifest(table, tuple(classes), root)


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `COLUMNS` first and in order, numbers as int64, all else as text."""
    rest = [name for name in table.columns if name not in COLUMNS]
    ordered = table[[*COLUMNS, *rest]]
    kinds = {name: "int64" if name in _NUMBERS else "str" for name in ordered.columns}
    return ordered.astype(kinds).reset_index(drop=True)


def _hash_rows(table: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for row in table.sort_values("image").itertuples(index=False, name=None):
        digest.update("\x1f".join(row).encode() + b"\x1e")
    return digest.hexdigest()
