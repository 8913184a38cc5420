"""Deletion and insertion: does the answer go with the pixels a heatmap calls important?

Petsiuk, Das and Saenko 2018 (RISE). Deletion takes the hottest pixels away first: the sooner the
probability falls, the smaller the area under its curve. Insertion gives them back first, on a
blurred picture: the sooner it rises, the greater the area.

What is taken away becomes blurred (Fong and Vedaldi 2017), not grey as in RISE: a grey patch on a
dark lung looks like the very shadow that is looked for. Of 12 phantoms a network called the plain
grey view ill with a probability of at least 0.84, the blurred one with 0.05 to 0.42.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor

from medxfer.explain.placing import Heat
from medxfer.models.preprocessing import CROP

FRACTIONS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""Of the pixels, taken away or given back. Close together at first: a finding is a small part of
a picture, and each point costs a pass through the network."""

_BLUR = CROP / 10
"""Pixels, standard deviation. The 5 of the paper would leave a soft shadow as it was."""
_SPREAD = CROP / 16
"""Pixels; how far around a place its heat decides between pixels of the same heat."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Probability of the target along `FRACTIONS`, for one map; each (7,), areas 0 to 1."""

    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]

    @property
    def deletion_area(self) -> float:
        """Small where the map is right."""
        return _area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Great where the map is right."""
        return _area(self.insertion)

    @property
    def gap(self) -> float:
        """Insertion area minus deletion area, -1 to 1: one figure for both curves."""
        return self.insertion_area - self.deletion_area


def _area(values: NDArray[np.float64]) -> float:
    return float(np.trapezoid(values, FRACTIONS))


def emptied(view: Tensor) -> Tensor:
    """What is left of a view (3, 224, 224) when all is taken away: the view blurred."""
    blurred = gaussian_filter(view.numpy(), sigma=(0, _BLUR, _BLUR), mode="nearest")
    return torch.from_numpy(blurred)


def altered(view: Tensor, empty: Tensor, heats: Sequence[Heat]) -> Iterator[Tensor]:
    """The views (3, 224, 224) between whole and empty: of each map deletion, then insertion.

    `heats` are (224, 224) over the view.
    """
    for heat in heats:
        place = torch.from_numpy(ranks(heat))
        first = [place < round(fraction * place.numel()) for fraction in FRACTIONS[1:-1]]
        yield from (torch.where(hottest, empty, view) for hottest in first)
        yield from (torch.where(hottest, view, empty) for hottest in first)


def between() -> int:
    """How many views `altered` makes of one map."""
    return 2 * (len(FRACTIONS) - 2)


def curves(evidence: NDArray[np.float64], whole: float, empty: float) -> Curves:
    """The curves of one map from the log-odds of its `altered` views and of the two ends."""
    deletion, insertion = evidence.reshape(2, -1)
    return Curves(
        _probability(np.concatenate([[whole], deletion, [empty]])),
        _probability(np.concatenate([[empty], insertion, [whole]])),
    )


def ranks(heat: Heat) -> NDArray[np.int64]:
    """The place of each pixel, from 0, when the hottest comes first.

    Among pixels of the same heat, as the many without any, those nearer to heat come first: taken
    in the order of rows they would speak for a map that is hot at the top.
    """
    around = gaussian_filter(heat, _SPREAD, mode="nearest")
    # The sum over the surroundings ends somewhere; how far the nearest heat is does not.
    distance = distance_transform_edt(heat == 0)
    order = np.lexsort((distance.ravel(), -around.ravel(), -heat.ravel()))
    places = np.empty(heat.size, dtype=np.int64)
    places[order] = np.arange(heat.size)
    return places.reshape(heat.shape)


def _probability(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(evidence, -500, 500))))
