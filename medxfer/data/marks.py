"""Where findings are marked: by a mask picture or by one box an image, as the manifest names them.

Column `mask`: a picture of the same size, relative to the manifest's root; what is brighter than
half of its brightest value is marked. Columns `box_…`: pixels of the picture as shown. Where an
image has both, the mask counts.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.data.listing import looks_like_picture
from medxfer.data.manifest import Manifest
from medxfer.data.readers import read_picture
from medxfer.errors import DataError

MASK = "mask"
BOX = ("box_left", "box_top", "box_width", "box_height")
MARK_COLUMNS = (MASK, *BOX)

Mask = NDArray[np.bool_]


def marked_rows(manifest: Manifest) -> NDArray[np.bool_]:
    """(n,) whether an image has a mask or a box; nothing is opened."""
    table = manifest.table
    with_mask = np.zeros(len(table), dtype=np.bool_)
    if MASK in table.columns:
        with_mask |= table[MASK].map(looks_like_picture).to_numpy(dtype=np.bool_)
    if set(BOX) <= set(table.columns):
        filled = table[list(BOX)].apply(lambda column: column.str.strip() != "")
        with_mask |= filled.any(axis=1).to_numpy(dtype=np.bool_)
    return with_mask


def marks_hash(manifest: Manifest) -> str:
    """Changes when an image gets another mask file or box; "" where the source has no marks."""
    columns = [name for name in MARK_COLUMNS if name in manifest.table.columns]
    if not columns:
        return ""
    rows: pd.DataFrame = manifest.table[["image", *columns]].sort_values("image")
    text = rows.to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def mark_of(manifest: Manifest, row: Mapping[Any, Any], height: int, width: int) -> Mask:
    """Where the finding of one row of the manifest is, (height, width) as its picture.

    Raises:
        DataError, ImageError: the mask cannot be read or is not as large as the picture, or the
            box is none.
    """
    file = str(row.get(MASK, "")).strip()
    if looks_like_picture(file):
        return _mask(manifest, file, height, width)
    return _box(row, height, width)


def _mask(manifest: Manifest, file: str, height: int, width: int) -> Mask:
    path = manifest.path(file)
    if not path.resolve().is_relative_to(manifest.root.resolve()):
        raise DataError(
            f"The mask {path.name} lies outside the folder of the data set.",
            "Put it into that folder and import the data set again.",
        )
    grey = read_picture(path).pixels.max(axis=2)
    if grey.shape != (height, width):
        raise DataError(
            f"The mask {path.name} is {grey.shape[1]} × {grey.shape[0]} pixels, its picture "
            f"{width} × {height}.",
            "Save masks as large as their pictures.",
        )
    return np.asarray(grey > int(grey.max()) // 2)


def _box(row: Mapping[Any, Any], height: int, width: int) -> Mask:
    left, top, across, down = (_number(row, name) for name in BOX)
    columns = slice(max(0, round(left)), max(0, round(left + across)))
    rows = slice(max(0, round(top)), max(0, round(top + down)))
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[rows, columns] = True
    if across <= 0 or down <= 0 or not mask.any():
        raise DataError(
            f"The box of {row['file']} holds no pixel of its picture of {width} × {height}: left "
            f"{left:g}, top {top:g}, width {across:g}, height {down:g}.",
            "Give boxes in pixels of the picture, from its top left corner.",
        )
    return mask


def _number(row: Mapping[Any, Any], name: str) -> float:
    text = str(row.get(name, "")).strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f"{name} of {row['file']} is '{text}', not a number.",
            f"Fill {', '.join(BOX)} with pixels, or leave all four empty.",
        )
    return value
