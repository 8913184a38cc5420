"""A heatmap in colour, over the picture it belongs to.

The heat is shown as it is: neither squared nor stretched, and transparent where it is 0.
"""

from __future__ import annotations

from io import BytesIO
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import hex_to_rgb, sequential

from medxfer.registry import Registry

Bytes = NDArray[np.uint8]
Heat = NDArray[np.float32]
_Number = TypeVar("_Number", np.uint8, np.float32)

_LEVELS = 256


def table(anchors: list[str]) -> Bytes:
    """(256, 3) RGB, between evenly spaced anchors."""
    colours = np.array([hex_to_rgb(anchor) for anchor in anchors], dtype=np.float64)
    at = np.linspace(0, len(anchors) - 1, _LEVELS)
    channels = [np.interp(at, np.arange(len(anchors)), channel) for channel in colours.T]
    return np.stack(channels, axis=1).round().astype(np.uint8)


COLOUR_MAPS: Registry[Bytes] = Registry("colour map")
"""(256, 3) RGB by name, dark to light; the same colours as in the charts."""

COLOUR_MAPS.register("inferno")(table(sequential.Inferno))
COLOUR_MAPS.register("cividis")(table(sequential.Cividis))
COLOUR_MAPS.register("viridis")(table(sequential.Viridis))


def colour(heatmap: Heat, name: str = "inferno") -> Bytes:
    """RGBA (H, W, 4) of a heatmap (H, W), 0 to 1; opacity follows the heat.

    Raises:
        UnknownNameError: no such colour map.
    """
    level = _level(heatmap)
    return np.dstack([COLOUR_MAPS[name][level], level])


def blend(pixels: Bytes, heatmap: Heat, opacity: float, name: str = "inferno") -> Bytes:
    """The picture (H, W, 3) under its heatmap (H, W); `opacity` 0 to 1 is that of heat 1.

    Raises:
        UnknownNameError: no such colour map.
    """
    colours = COLOUR_MAPS[name][_level(heatmap)].astype(np.float32)
    weight = np.float32(opacity) * np.clip(heatmap, 0, 1)[..., None]
    return np.round(pixels + (colours - pixels) * weight).astype(np.uint8)


def shrunk(values: NDArray[_Number], longest: int) -> NDArray[_Number]:
    """A picture (H, W, 3) or a heatmap (H, W) with its longer side at most `longest` pixels."""
    height, width = values.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return values
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))


def encode_png(pixels: Bytes) -> bytes:
    """PNG of RGB (H, W, 3) or RGBA (H, W, 4): the pixels and nothing else."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _level(heatmap: Heat) -> Bytes:
    return np.round(np.clip(heatmap, 0, 1) * (_LEVELS - 1)).astype(np.uint8)
