"""Drawing splits: stratified by class, grouped by patient, seeded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medxfer.data.manifest import Split

Counts = Mapping[int, int]
"""Images by class."""


def draw(
    labels: pd.Series[str], patients: pd.Series[str], shares: Mapping[Split, float], seed: int
) -> pd.Series[str]:
    """Give every patient, with all images, to one of the parts of `shares` (which sum to 1).

    Parts get each class in their share, as nearly as whole patients allow: the largest patients
    are placed first, each where it brings the class counts closest to the shares. Before that,
    every part is given one small patient of every class, rarest class first, so that a class
    with as many patients as there are parts is in all of them. The same rows and seed give the
    same parts.
    """
    parts = [part for part in shares if shares[part] > 0]
    numbers, names = pd.factorize(labels, sort=True)
    groups, _ = pd.factorize(patients, sort=True)
    counts = _counts(numbers, groups)
    order = np.random.default_rng(seed).permutation(len(counts)).tolist()
    order.sort(key=lambda group: -sum(counts[group].values()))
    board = _Board(parts, [shares[part] for part in parts], counts, len(names))
    board.cover(order)
    for group in order:
        if group not in board.place:
            board.put(group, board.best_part(counts[group]))
    placed = [str(parts[board.place[group]]) for group in groups.tolist()]
    return pd.Series(placed, index=labels.index, dtype="str")


def joined(patients: pd.Series[str], contents: pd.Series[str]) -> pd.Series[str]:
    """Group ids under which patients who share a picture (equal `contents`) are one.

    Exact copies under two names must not be drawn into two parts.
    """
    people, _ = pd.factorize(patients)
    pictures, _ = pd.factorize(contents)
    size = int(people.max(initial=-1)) + 1
    nodes = size + int(pictures.max(initial=-1)) + 1
    links = coo_array((np.ones(len(people)), (people, size + pictures)), shape=(nodes, nodes))
    _, component = connected_components(links, directed=False)
    first = patients.groupby(component[people]).transform("first")
    return first.astype("str")


class _Board:
    """Where patients have been put so far, and how far each part is from its share."""

    def __init__(
        self, parts: Sequence[Split], shares: list[float], counts: list[Counts], classes: int
    ) -> None:
        self.counts = counts
        self.place: dict[int, int] = {}
        totals = Counter[int]()
        for group in counts:
            totals.update(group)
        self.totals = [totals[number] or 1 for number in range(classes)]
        # A part that is to be small must not be filled like a large one: errors are relative
        # to the share a part should get of a class.
        self.shares = shares
        self.missing = [[share * total for total in self.totals] for share in shares]
        self.parts = range(len(parts))

    def put(self, group: int, part: int) -> None:
        self.place[group] = part
        for number, images in self.counts[group].items():
            self.missing[part][number] -= images

    def best_part(self, group: Counts) -> int:
        """The part where this patient lowers the squared error of the class shares most."""

        def change(part: int) -> float:
            missing = self.missing[part]
            return sum(
                images * (images - 2 * missing[number]) / self.totals[number] ** 2
                for number, images in group.items()
            )

        return min(self.parts, key=change)

    def cover(self, order: Sequence[int]) -> None:
        """Put one small patient of every class into every part, the largest part first."""
        holders: defaultdict[int, list[int]] = defaultdict(list)
        for group in reversed(order):
            for number in self.counts[group]:
                holders[number].append(group)
        by_share = sorted(self.parts, key=lambda part: -self.shares[part])
        for number in sorted(holders, key=lambda number: (len(holders[number]), number)):
            covered = {self.place[group] for group in holders[number] if group in self.place}
            free = iter([group for group in holders[number] if group not in self.place])
            for part in by_share:
                if part not in covered and (smallest := next(free, None)) is not None:
                    self.put(smallest, part)


def _counts(numbers: np.ndarray, groups: np.ndarray) -> list[Counts]:
    counts: list[Counter[int]] = [Counter() for _ in range(int(groups.max(initial=-1)) + 1)]
    for group, number in zip(groups.tolist(), numbers.tolist(), strict=True):
        counts[group][number] += 1
    return list(counts)
