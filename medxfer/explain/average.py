"""The mean heatmap of many pictures: does the network look at the corner marker?

A shortcut that lies at the same place in every picture, as a side marker or a border, does not
average away; findings that lie now here, now there do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxfer.explain.placing import Heat, in_view
from medxfer.models.preprocessing import CROP

NINTHS = (
    "top left", "top", "top right",
    "left", "centre", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""Of the square that the network sees, row by row."""


class MeanMap:
    """Heatmaps and pictures of any size, averaged over what the network sees; none is kept."""

    def __init__(self) -> None:
        self.count = 0
        self.empty = 0
        """Heatmaps without any heat; they count as 0 everywhere."""
        self._heat = np.zeros((CROP, CROP), dtype=np.float64)
        self._picture = np.zeros((CROP, CROP), dtype=np.float64)

    def add(self, pixels: NDArray[np.uint8], heatmap: Heat) -> None:
        """One more picture (H, W, 3) with its heatmap (H, W), 0 to 1."""
        self.count += 1
        self.empty += not heatmap.any()
        self._heat += in_view(heatmap)
        self._picture += in_view(pixels.mean(axis=2, dtype=np.float32))

    @property
    def heatmap(self) -> Heat:
        """(224, 224), 0 to 1: the mean heat; each picture counts the same. 0 without any."""
        return (self._heat / max(1, self.count)).astype(np.float32)

    @property
    def picture(self) -> NDArray[np.uint8]:
        """(224, 224, 3): the mean picture in grey, to lie under the heatmap."""
        mean = np.round(self._picture / max(1, self.count)).astype(np.uint8)
        return np.repeat(mean[..., None], 3, axis=2)

    def shares(self) -> dict[str, float]:
        """Which part of the heat lies in each of `NINTHS`, 0 to 1; all 0 without heat.

        Heat that is spread evenly has a ninth in each.
        """
        total = self._heat.sum()
        rows = np.array_split(self._heat, 3)
        cells = [cell.sum() for row in rows for cell in np.array_split(row, 3, axis=1)]
        return {
            name: float(cell / total) if total > 0 else 0.0
            for name, cell in zip(NINTHS, cells, strict=True)
        }
