"""The pictures of an explanation, small enough for the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxfer.explain.overlay import COLOUR_MAPS, colour, encode_png
from medxfer.ui.explain.overlay import Overlay, data_url
from medxfer.ui.explain.source import Scan

if TYPE_CHECKING:
    from medxfer.explain.heatmap import Explanation

_LONGEST_SIDE = 1024
_SWATCHES = 9


def overlay_of(answer: Explanation, scan: Scan, colour_map: str) -> Overlay:
    """What the side-by-side view shows of an explanation."""
    pixels, heatmap = _for_screen(scan.pixels, answer.heatmap)
    height, width = scan.pixels.shape[:2]
    left, top, right, bottom = answer.seen
    table = COLOUR_MAPS[colour_map]
    steps = np.linspace(0, len(table) - 1, _SWATCHES).astype(int)
    target = answer.classes[answer.target]
    return Overlay(
        picture=data_url(encode_png(pixels), "png"),
        heat=data_url(encode_png(colour(heatmap, colour_map)), "png"),
        left="As given",
        right=f"Where the network looked for {target}",
        picture_alt=f"The scan {scan.name}",
        heat_alt=f"The same scan with a heatmap of {target}; {_where(answer.heatmap)}",
        seen=(left / width, top / height, right / width, bottom / height),
        colours=tuple("#" + "".join(f"{part:02x}" for part in table[step]) for step in steps),
    )


def _for_screen(
    pixels: NDArray[np.uint8], heatmap: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Both, shrunk alike so that the longer side is at most 1024 pixels."""
    height, width = heatmap.shape
    scale = _LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return pixels, heatmap
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = Image.Resampling.BOX
    return (
        np.asarray(Image.fromarray(pixels).resize(size, way)),
        np.asarray(Image.fromarray(heatmap).resize(size, way)),
    )


def _where(heatmap: NDArray[np.float32]) -> str:
    """The place of the strongest heat in words, for who cannot see it."""
    if not heatmap.max() > 0:
        return "no part of it is marked"
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    down = ("top", "middle", "bottom")[int(3 * row / heatmap.shape[0])]
    across = ("left", "centre", "right")[int(3 * column / heatmap.shape[1])]
    return f"strongest at the {down} {across} of the image"
