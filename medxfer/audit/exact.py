"""Pictures that are there twice, pixel by pixel, whatever their files are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from medxfer.audit.appearance import Appearance, digest
from medxfer.audit.pairs import pair_table
from medxfer.cache.shelf import Rows
from medxfer.data.integrity import read_unchanged
from medxfer.data.manifest import Manifest
from medxfer.data.pixel_store import extent
from medxfer.data.readers import read_known_bytes

_ALL_PAIRS = 6
"""Pictures in a group of copies up to which every pair is listed; in a larger one each picture is
listed beside the first of its group."""


def exact_duplicates(manifest: Manifest, appearance: Appearance) -> pd.DataFrame:
    """Pairs of pictures with the same decoded pixels, under the columns of `pairs.COLUMNS`.

    Where the working size is smaller than the file, both files are decoded in full and compared.
    A JPEG of more than twice the working size and a lossless copy of it are decoded in different
    ways and are not found here; `near_duplicates` finds them and calls them exact.

    Raises:
        DataError, ImageError: a file changed, vanished or became unreadable.
    """
    first: list[int] = []
    second: list[int] = []
    for group in _groups(manifest, appearance):
        members = _by_split(manifest, group)
        linked = (
            list(combinations(members, 2))
            if len(members) <= _ALL_PAIRS
            else [(members[0], other) for other in members[1:]]
        )
        first += [one for one, _ in linked]
        second += [two for _, two in linked]
    one, two = (np.array(rows, dtype=np.int64) for rows in (first, second))
    count = len(first)
    return pair_table(manifest, one, two, ["exact"] * count, [""] * count, np.ones(count))


def decoded(manifest: Manifest, row: int) -> str:
    """The digest of a picture decoded in full; equal for equal pixels.

    Raises:
        DataError, ImageError: the file changed, vanished or became unreadable.
    """
    entry = manifest.table.iloc[row]
    path = manifest.path(entry["file"])
    picture = read_known_bytes(read_unchanged(path, entry["sha256"]), path.name)
    return digest(picture.pixels.transpose(2, 0, 1))


def _groups(manifest: Manifest, appearance: Appearance) -> list[list[int]]:
    """Rows of the manifest that are one picture, two or more in each group."""
    seen = pd.Series(appearance.rows).groupby(appearance.digests).agg(list)
    found: list[list[int]] = []
    for rows in seen[seen.map(len) > 1]:
        found += _told_apart(manifest, rows)
    return found


def _told_apart(manifest: Manifest, rows: list[int]) -> list[list[int]]:
    """Those of equal pixels at working size, by their pixels in full; each file decoded once."""
    table = manifest.table.iloc[rows]
    if table["sha256"].nunique() == 1 or all(
        extent(width, height).size == (width, height)
        for width, height in zip(table["width"], table["height"], strict=True)
    ):
        return [rows]
    known = {
        sha256: decoded(manifest, row) for sha256, row in zip(table["sha256"], rows, strict=True)
    }
    groups = pd.Series(rows).groupby(table["sha256"].map(known).to_numpy()).agg(list)
    return [group for group in groups if len(group) > 1]


def _by_split(manifest: Manifest, rows: list[int]) -> Rows:
    """In the order of their splits, so that the first of a group stands against other splits."""
    splits = manifest.table["split"].iloc[rows].to_numpy()
    return np.array(rows, dtype=np.int64)[np.argsort(splits, kind="stable")]
