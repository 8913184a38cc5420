"""What the viewer shows of an explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxfer.ui.explain.source import Scan
from medxfer.ui.viewer.display import Display, HeatLayer

if TYPE_CHECKING:
    from medxfer.explain.heatmap import Explanation

_LONGEST_SIDE = 512
"""Pixels of a heatmap on its way to the screen, which spreads it over the picture again. The
network looks at no more than 224."""


def display_of(answer: Explanation, scan: Scan) -> Display:
    """The scan as given, and over it where the network looked."""
    return Display(
        name=scan.name,
        pixels=scan.pixels,
        seen=answer.seen,
        heat=HeatLayer(
            values=_for_screen(answer.heatmap),
            of=answer.classes[answer.target],
            where=_where(answer.heatmap),
        ),
    )


def _for_screen(heatmap: NDArray[np.float32]) -> NDArray[np.float32]:
    """The heatmap (H, W), shrunk so that the longer side is at most 512 pixels."""
    height, width = heatmap.shape
    scale = _LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return heatmap
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(heatmap).resize(size, Image.Resampling.BOX))


def _where(heatmap: NDArray[np.float32]) -> str:
    """The place of the strongest heat in words, for who cannot see it."""
    if not heatmap.max() > 0:
        return "no part of it is marked"
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    down = ("top", "middle", "bottom")[int(3 * row / heatmap.shape[0])]
    across = ("left", "centre", "right")[int(3 * column / heatmap.shape[1])]
    return f"strongest at the {down} {across} of the image"
