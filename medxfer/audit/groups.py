"""What is known of a picture besides its anatomy, in groups that are tried one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from medxfer.data.manifest import Manifest

_COMMON_SHARE = 0.01
_MOST_LEVELS = 20
POOLED = "other"
"""Where the rare values of a column go."""


class Kind(StrEnum):
    """What a group of features describes; decides how bad it is if the class follows from it."""

    FILE = "file"
    """How the picture was stored: no anatomy in it."""
    BYTES = "bytes"
    """How far it could be compressed: by another export, but also by what is in the picture."""
    APPEARANCE = "appearance"
    """Of the pixels, but not of a place in the body; disease can change it as well."""
    ACQUISITION = "acquisition"
    """Where and how the picture was taken."""
    PERSON = "person"
    """Who is in the picture."""
    COLUMN = "column"
    """Given by the source; its meaning is not known."""


@dataclass(frozen=True)
class Group:
    """Features that say one thing; `numbers` has a row an image, NaN where unknown.

    `levels` are the values a text column is shown by; None for numbers. `shown` maps those
    numbers an example may quote to their words and unit.
    """

    key: str
    name: str
    kind: Kind
    numbers: pd.DataFrame
    shown: dict[str, tuple[str, str]]
    levels: pd.Series[str] | None = None

    @property
    def constant(self) -> bool:
        """Whether every image has the same; such a group tells nothing."""
        return bool((self.numbers.nunique(dropna=False) <= 1).all())


def file_groups(manifest: Manifest) -> list[Group]:
    """What the file alone says: its size in pixels, shape, format, colour mode and bytes."""
    table = manifest.table
    width, height = table["width"].astype(float), table["height"].astype(float)
    size = {"width": width, "height": height, "area": width * height}
    weight = {"bytes": table["bytes"].astype(float)}
    weight["bytes a pixel"] = weight["bytes"] / (width * height)
    return [
        _numbers("size", "size of the picture", size, {"width": " px", "height": " px"}),
        _numbers("aspect_ratio", "aspect ratio", {"width / height": width / height}),
        text_group("format", "file format", Kind.FILE, table["format"]),
        text_group("mode", "bit depth and colour mode", Kind.FILE, table["mode"]),
        _numbers("file_size", "file size", weight, {"bytes": "", "bytes a pixel": ""}, Kind.BYTES),
    ]


_APPEARANCES = (
    ("corners", "marks, text or laterality letters",
     ("corner", "top left", "top right", "bottom left", "bottom right", "marks")),
    ("border", "borders", ("border", "frame")),
    ("extremes", "share of black and of white", ("black", "white")),
    ("sharpness", "sharpness", ("sharp", "blur")),
    ("colour", "strength of colour", ("colour",)),
    ("intensity", "mean and spread of intensity", ("",)),
)  # fmt: skip
"""Key, words, and what the names of its features contain; the first that fits takes a feature."""
_PLAIN = {"mean": "brightness", "spread": "contrast"}


def appearance_groups(features: pd.DataFrame) -> list[Group]:
    """Pixel features by what their column names speak of; `features` has a row an image."""
    numbers = features.select_dtypes("number")
    left = list(numbers.columns)
    groups = []
    for key, name, words in _APPEARANCES:
        mine = [column for column in left if any(word in column.casefold() for word in words)]
        left = [column for column in left if column not in mine]
        if mine:
            columns = {_PLAIN.get(name, name): numbers[name].astype(float) for name in mine}
            groups.append(_numbers(key, name, columns, kind=Kind.APPEARANCE))
    return groups


def number_group(key: str, name: str, kind: Kind, columns: dict[str, pd.Series[float]]) -> Group:
    """A group of number columns of the source."""
    return _numbers(key, name, columns, kind=kind)


def text_group(key: str, name: str, kind: Kind, values: pd.Series[str]) -> Group:
    """A text column as one yes-or-no feature a value, the rare ones as one."""
    counts = values.value_counts()
    common = counts.index[counts >= max(2, _COMMON_SHARE * len(values))][:_MOST_LEVELS]
    levels = values.where(values.isin(common), POOLED).reset_index(drop=True)
    return Group(key, name, kind, pd.get_dummies(levels, dtype=float), {}, levels)


def _numbers(
    key: str,
    name: str,
    columns: dict[str, pd.Series[float]],
    units: dict[str, str] | None = None,
    kind: Kind = Kind.FILE,
) -> Group:
    table = pd.DataFrame({column: values.to_numpy() for column, values in columns.items()})
    units = dict.fromkeys(columns, "") if units is None else units
    return Group(key, name, kind, table, {column: (column, unit) for column, unit in units.items()})
