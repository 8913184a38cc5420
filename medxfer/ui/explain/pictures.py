"""What the viewer shows of an explanation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medxfer.explain.overlay import shrunk
from medxfer.ui.explain.source import Scan
from medxfer.ui.viewer.display import Display, HeatLayer

if TYPE_CHECKING:
    from medxfer.explain.heatmap import Explanation

_LONGEST_SIDE = 512
"""Pixels of a heatmap on its way to the screen, which spreads it over the picture again. The
network looks at no more than 224."""


def display_of(answer: Explanation | None, scan: Scan) -> Display:
    """The scan as given, and over it where the network looked; alone where it did not look."""
    deep = scan.deep
    picture = Display(
        name=scan.name,
        pixels=scan.pixels if deep is None else deep.values,
        window=None if deep is None else deep.window,
        scale=(1.0, 0.0) if deep is None else (deep.slope, deep.intercept),
        unit="" if deep is None else deep.unit,
        spacing=scan.spacing,
        spacing_note=scan.spacing_note,
        laterality=scan.laterality,
    )
    if answer is None:
        return picture
    heat = HeatLayer(
        values=shrunk(answer.heatmap, _LONGEST_SIDE),
        of=answer.classes[answer.target],
        where=_where(answer.heatmap),
    )
    return replace(picture, seen=answer.seen, heat=heat)


def _where(heatmap: NDArray[np.float32]) -> str:
    """The place of the strongest heat in words, for who cannot see it."""
    if not heatmap.max() > 0:
        return "no part of it is marked"
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    down = ("top", "middle", "bottom")[int(3 * row / heatmap.shape[0])]
    across = ("left", "centre", "right")[int(3 * column / heatmap.shape[1])]
    return f"strongest at the {down} {across} of the image"
