"""Between the cells of a heatmap, the picture they lie on, and the square the network sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxfer.models.preprocessing import CROP, seen_box

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture."""

Heat = NDArray[np.float32]


def place(cells: Heat, seen: Box, height: int, width: int) -> Heat:
    """Spread `cells` (h, w) bilinearly over the box `seen` of a picture; 0 outside the box."""
    left, top, right, bottom = seen
    down = _interpolation(cells.shape[0], top, bottom, height)
    across = _interpolation(cells.shape[1], left, right, width)
    return np.asarray(down @ cells @ across.T, dtype=np.float32)


def in_view(values: Heat, side: int = CROP) -> Heat:
    """What lies on a picture (H, W), as (side, side) over the square the network sees of it.

    The mean of what each of the new pixels covers, as the picture itself is resized.
    """
    height, width = values.shape
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    box = seen_box(width, height)
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box=box))


def _interpolation(cells: int, start: float, stop: float, length: int) -> Heat:
    """(length, cells) weights that interpolate cells lying side by side from start to stop."""
    centre = np.arange(length) + 0.5
    position = np.clip((centre - start) / (stop - start) * cells - 0.5, 0, cells - 1)
    weights = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(cells)))
    inside = (centre >= start) & (centre <= stop)
    return np.asarray(weights * inside[:, None], dtype=np.float32)
