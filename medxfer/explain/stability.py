"""Stability: is the heatmap the same after a shift that nobody would see?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxfer.explain.placing import Box, Heat
from medxfer.models.preprocessing import RESIZE

SHIFTS = ((1, 1), (-1, -1), (1, -1), (-1, 1))
"""Down and right, in steps; of slow methods only the first is tried."""

STEP = 8
"""Pixels of the resized picture (short side 256): half of the margin that is cropped away, so
what comes in at the edge is never seen."""

Pixels = NDArray[np.uint8]


def distance(height: int, width: int) -> int:
    """Pixels of a picture that one step is, at least 1."""
    return max(1, round(STEP * min(height, width) / RESIZE))


def shifted(pixels: Pixels, shift: tuple[int, int]) -> Pixels:
    """The picture (H, W, 3) moved by a step down and right; its edge is repeated behind it."""
    height, width = pixels.shape[:2]
    rows, columns = _sources(shift, height, width)
    return np.ascontiguousarray(pixels[rows][:, columns])


def likeness(heatmap: Heat, other: Heat, shift: tuple[int, int], seen: Box) -> float:
    """Pearson's correlation, -1 to 1, of a heatmap (H, W) with that of the shifted picture.

    `other` is shifted back first; only what the network saw both times is compared. 1 if both
    are empty, 0 if one of them is flat.
    """
    height, width = heatmap.shape
    rows, columns = _sources((-shift[0], -shift[1]), height, width)
    back = other[rows][:, columns]
    margin = distance(height, width)
    left, top, right, bottom = (round(edge) for edge in seen)
    inside = (slice(top + margin, bottom - margin), slice(left + margin, right - margin))
    one, two = heatmap[inside].astype(np.float64), back[inside].astype(np.float64)
    if not one.any() and not two.any():
        return 1.0
    spread = float(one.std() * two.std())
    if spread == 0:
        return 0.0
    return float(((one - one.mean()) * (two - two.mean())).mean()) / spread


def _sources(
    shift: tuple[int, int], height: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which row and column each row and column of the shifted picture comes."""
    step = distance(height, width)
    rows = np.clip(np.arange(height) - step * shift[0], 0, height - 1)
    columns = np.clip(np.arange(width) - step * shift[1], 0, width - 1)
    return rows, columns
