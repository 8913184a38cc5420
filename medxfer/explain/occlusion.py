"""Occlusion: what does the answer lose when a place is covered? (Zeiler and Fergus 2014)

A second opinion on where the network looks, which needs neither gradients nor activations. A
place is covered by the blurred picture, as in `curves` and for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from medxfer.explain.placing import Heat
from medxfer.models.preprocessing import CROP

CELLS = 6
"""Places a side; each is covered by a square of twice their distance, so that neighbours overlap
and nothing falls between two squares."""

_STEP = CROP / CELLS

Floats = NDArray[np.float64]


def covered(view: Tensor, empty: Tensor) -> Iterator[Tensor]:
    """The view (3, 224, 224) with one place after the other from the empty one, row by row."""
    for rows, columns in _squares():
        hidden = view.clone()
        hidden[:, rows, columns] = empty[:, rows, columns]
        yield hidden


def loss(whole: float, evidence: Floats) -> Floats:
    """(CELLS, CELLS) what the answer loses in log-odds at each place, 0 where it gains.

    `evidence` is that of the `covered` views; what speaks against the target is left out, as in
    a heatmap.
    """
    return np.maximum(0, whole - evidence).reshape(CELLS, CELLS)


def mean_heat(heat: Heat) -> Floats:
    """(CELLS, CELLS) of a heatmap (224, 224): its mean under each of the squares."""
    means = [float(heat[rows, columns].mean()) for rows, columns in _squares()]
    return np.reshape(means, (CELLS, CELLS))


def agreement(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation of two maps of the same shape; 0 if one is flat."""
    first, second = (rankdata(values.ravel()) for values in (one, other))
    spread = float(first.std() * second.std())
    if spread == 0:
        return 0.0
    return float(((first - first.mean()) * (second - second.mean())).mean()) / spread


def _squares() -> Iterator[tuple[slice, slice]]:
    edges = [
        slice(round(max(0.0, (cell - 0.5) * _STEP)), round(min(CROP, (cell + 1.5) * _STEP)))
        for cell in range(CELLS)
    ]
    return ((rows, columns) for rows in edges for columns in edges)
