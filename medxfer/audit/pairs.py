"""Tables of pairs of pictures: what a pair means for a data set, and the groups pairs make."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medxfer.cache.shelf import Rows
from medxfer.data.manifest import Manifest, Split

COLUMNS = (
    "first", "second", "kind", "changes", "score",
    "across_splits", "different_labels", "different_patients",
)  # fmt: skip


def pair_table(
    manifest: Manifest,
    first: Rows,
    second: Rows,
    kinds: list[str],
    changes: list[str],
    score: npt.NDArray[np.floating],
) -> pd.DataFrame:
    """Pairs of rows of a manifest as a table under `COLUMNS`; first and second are image ids.

    `across_splits` is of the pictures in use: an excluded one is on no side. Pairs that are across
    splits come first, then those with different labels, then by falling score.
    """
    table = manifest.table
    one, two = (table.iloc[rows].reset_index(drop=True) for rows in (first, second))
    excluded = str(Split.EXCLUDED)
    used = (one["split"] != excluded) & (two["split"] != excluded)
    pairs = pd.DataFrame({
        "first": one["image"],
        "second": two["image"],
        "kind": pd.Series(kinds, dtype="str"),
        "changes": pd.Series(changes, dtype="str"),
        "score": np.asarray(score, dtype=np.float32),
        "across_splits": (one["split"] != two["split"]) & used,
        "different_labels": one["label"] != two["label"],
        "different_patients": one["patient"] != two["patient"],
    })  # fmt: skip
    return worst_first(pairs)


def worst_first(pairs: pd.DataFrame) -> pd.DataFrame:
    """Across splits first, then with different labels, then by falling score; stable."""
    order = ["across_splits", "different_labels", "score"]
    return pairs.sort_values(order, ascending=False, kind="stable").reset_index(drop=True)


def component_of(count: int, first: Rows, second: Rows) -> Rows:
    """The number of the group that each of `count` things belongs to, linked by pairs, (count,)."""
    links = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def groups(tables: Iterable[pd.DataFrame]) -> list[tuple[str, ...]]:
    """Image ids that belong together by the pairs of all these tables, the largest group first."""
    pairs = pd.concat([table[["first", "second"]] for table in tables], ignore_index=True)
    if pairs.empty:
        return []
    codes, images = pd.factorize(pairs.to_numpy().ravel())
    ends = codes.reshape(-1, 2).astype(np.int64)
    numbers = component_of(len(images), ends[:, 0], ends[:, 1])
    members = pd.Series(images).groupby(numbers).agg(tuple)
    return sorted(members, key=lambda group: (-len(group), group))
