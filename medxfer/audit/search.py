"""Which pairs of pictures are worth comparing: those with the most alike descriptors."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medxfer.audit.descriptor import mirrored
from medxfer.audit.measures import Floats
from medxfer.audit.pieces import made_in_order
from medxfer.cache.shelf import Rows

_AXES = 128
"""Principal axes kept."""
_LEARNED_FROM = 5_000
"""Pictures from which the axes are computed; more change nothing."""
_PICTURES_AN_AXIS = 4
"""With fewer pictures for each axis, the axes would describe single pictures."""
_FLAT = 1e-4
"""Of the largest variance: axes with less are noise and are not raised further."""
_BLOCK = 1024
_COLUMNS = 8192
"""Similarities in memory at a time: 32 MB for each thread."""
_MOST_EACH = 10
"""Neighbours of a picture that are compared; copies of copies are still linked to one another."""
_PAIRS_EACH, _AND_THEN, _BEYOND = 10, 4, 100_000
"""Candidates for each picture on average; of what exceeds so many, fewer. So the time of comparing
grows with the pictures, not with their square."""
_LEAST_ALIKE = 0.15
"""Measured: copies have 0.5 and more at the 3rd percentile, under large text 0.2."""
_FEW = 50
"""Pictures of which every picture's best neighbours are compared, however little alike."""
_SAMPLED = 2_000


@dataclass(frozen=True)
class Candidates:
    """Pairs to compare; places in the list of descriptors, first < second."""

    first: Rows
    second: Rows
    mirrored: npt.NDArray[np.bool_]
    """Whether the first is to be seen in a mirror. A pair may be there both ways."""

    def __len__(self) -> int:
        return len(self.first)

    def chosen(self, which: slice | npt.NDArray[np.bool_]) -> Candidates:
        """Some of them."""
        return Candidates(self.first[which], self.second[which], self.mirrored[which])


def candidates(
    descriptors: npt.NDArray[np.float16],
) -> Generator[tuple[int, int], None, Candidates]:
    """The pairs of pictures that may be copies; yields (done, total) blocks of pictures.

    All pairs are looked at, as products of matrices. The descriptors are first whitened on the
    data set's own principal axes, so that what all its pictures share (a thorax) counts little and
    what few share counts much. Time grows with the square of the pictures, memory does not.
    """
    plain, turned = _whitened(descriptors)
    least = _least_alike(plain)
    starts = range(0, len(plain), _BLOCK)

    def look(start: int) -> list[Candidates]:
        block = slice(start, start + _BLOCK)
        return [
            _alike(side[block], plain, start, least, way)
            for way, side in ((False, plain), (True, turned))
        ]

    found: list[Candidates] = []
    for number, pairs in enumerate(made_in_order(look, starts), start=1):
        found += pairs
        yield number, len(starts)
    return _joined(found)


def _whitened(descriptors: npt.NDArray[np.float16]) -> tuple[Floats, Floats]:
    """Unit vectors of the pictures and of their mirror images, of one length."""
    step = max(1, len(descriptors) // _LEARNED_FROM)
    sample = descriptors[::step].astype(np.float32)
    middle = sample.mean(axis=0) if len(sample) else np.zeros(descriptors.shape[1], np.float32)
    axes = _axes(sample - middle)

    def onto(way: Callable[[Floats], Floats]) -> Floats:
        unit = np.empty((len(descriptors), axes.shape[1]), dtype=np.float32)
        for start in range(0, len(descriptors), _COLUMNS):
            part = way(descriptors[start : start + _COLUMNS].astype(np.float32)) - middle
            here = part @ axes
            unit[start : start + _COLUMNS] = here / np.maximum(
                np.linalg.norm(here, axis=1, keepdims=True), 1e-12
            )
        return unit

    return onto(lambda part: part), onto(mirrored)


def _axes(centred: Floats) -> Floats:
    """Directions divided by the standard deviation along them; all of them where data are few."""
    wanted = min(_AXES, len(centred) // _PICTURES_AN_AXIS)
    if wanted < 2:  # noqa: PLR2004  (an axis needs two pictures)
        return np.eye(centred.shape[1], dtype=np.float32)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    variances, directions = variances[::-1][:wanted], directions[:, ::-1][:, :wanted]
    raised = np.maximum(variances, max(variances[0] * _FLAT, 1e-12))
    return np.asarray(directions / np.sqrt(raised), dtype=np.float32)


def _least_alike(unit: Floats) -> float:
    """The similarity from which pairs are candidates, from a sample of pairs."""
    if len(unit) <= _FEW:
        return -1.0
    generator = np.random.default_rng(0)
    count = min(len(unit), _SAMPLED)
    sample = unit[generator.choice(len(unit), count, replace=False)]
    similar = (sample @ sample.T)[np.triu_indices(count, 1)]
    wanted = min(_PAIRS_EACH * len(unit), _BEYOND + _AND_THEN * len(unit))
    share = wanted / len(unit) ** 2  # of half as many pairs, each seen both ways
    return max(_LEAST_ALIKE, float(np.quantile(similar, 1 - share)))


def _alike(block: Floats, everyone: Floats, start: int, least: float, way: bool) -> Candidates:
    """The best neighbours of each picture of a block, itself left out."""
    own: list[Rows] = []
    other: list[Rows] = []
    how: list[Floats] = []
    for column in range(0, len(everyone), _COLUMNS):
        similar = block @ everyone[column : column + _COLUMNS].T
        rows, columns = _best(similar, least)
        itself = rows + start == columns + column
        rows, columns = rows[~itself], columns[~itself]
        own.append(rows)
        other.append(columns + column)
        how.append(similar[rows, columns])
    rows, columns, values = np.concatenate(own), np.concatenate(other), np.concatenate(how)
    order = np.lexsort((-values, rows))
    rows, columns = rows[order], columns[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    rows, columns = rows[rank < _MOST_EACH] + start, columns[rank < _MOST_EACH]
    return Candidates(np.minimum(rows, columns), np.maximum(rows, columns), np.full(len(rows), way))


def _best(similar: Floats, least: float) -> tuple[Rows, Rows]:
    """Where the values that may count stand; one more than needed, for the picture itself."""
    most = _MOST_EACH + 1
    if least < -0.5 and similar.shape[1] > most:  # noqa: PLR2004  (no threshold was wanted)
        columns = np.argpartition(-similar, most - 1, axis=1)[:, :most]
        rows = np.repeat(np.arange(len(similar)), most)
        return rows, columns.ravel().astype(np.int64)
    places = np.flatnonzero(similar >= least)
    rows, columns = np.divmod(places, similar.shape[1])
    return rows, columns


def _joined(found: list[Candidates]) -> Candidates:
    """All of them, each pair and way once, in order of the first picture."""
    if not found:
        nothing = np.zeros(0, dtype=np.int64)
        return Candidates(nothing, nothing, np.zeros(0, dtype=bool))
    table = np.stack([
        np.concatenate([each.first for each in found]),
        np.concatenate([each.second for each in found]),
        np.concatenate([each.mirrored for each in found]).astype(np.int64),
    ], axis=1)  # fmt: skip
    table = np.unique(table, axis=0)
    return Candidates(table[:, 0], table[:, 1], table[:, 2].astype(bool))
