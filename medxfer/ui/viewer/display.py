"""What the viewer shows, as values of its own, and how they travel to the browser."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly.colors import sequential

from medxfer.explain.overlay import COLOUR_MAPS, table

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture."""

_MOST_BYTES = 2
_SIDES = {"L": "left", "R": "right", "B": "both"}
_SQUARE = 0.01
"""Pixels whose sides differ by no more than this share count as square."""


@dataclass(frozen=True, eq=False)
class HeatLayer:
    """Where the network looked for one class.

    `values` is float32 (h, w), 0 to 1, of any size, stretched over the whole picture. `of` names
    the class, `where` says in words where it is strongest.
    """

    values: NDArray[np.float32]
    of: str
    where: str

    def __post_init__(self) -> None:
        if len(self.values.shape) != 2 or not self.values.size:  # noqa: PLR2004
            raise ValueError(f"a heatmap has rows and columns, not the shape {self.values.shape}")


@dataclass(frozen=True, eq=False)
class Display:
    """A picture for the viewer and what is known of it.

    `pixels` is uint8 or uint16 (H, W), or uint8 (H, W, 3) RGB, black at 0. What comes from the
    file's tags may be left out, and is used only where it makes sense: `window`, (centre, width)
    in values of `pixels`; `scale`, (slope, intercept) that turn a value into the one that is read
    out, in `unit`; `spacing`, millimetres between rows and between columns, with
    `spacing_note`, where that holds (say, "at the detector"); `laterality`, "L", "R" or "B".
    `seen` is the part of the picture the network sees.
    """

    name: str
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    window: tuple[float, float] | None = None
    scale: tuple[float, float] = (1.0, 0.0)
    unit: str = ""
    spacing: tuple[float, float] | None = None
    spacing_note: str = ""
    laterality: str = ""
    seen: Box | None = None
    heat: HeatLayer | None = None

    def __post_init__(self) -> None:
        shape, kind = self.pixels.shape, self.pixels.dtype
        match shape:
            case (_, _):
                known = kind.kind == "u" and kind.itemsize <= _MOST_BYTES
            case (_, _, 3):
                known = kind == np.uint8
            case _:
                known = False
        if not known or not self.pixels.size:
            raise ValueError(f"the viewer shows no picture of shape {shape} and type {kind}")


@dataclass(frozen=True)
class Parcel:
    """An array on its way: what the browser needs to unpack it, and the bytes."""

    label: dict[str, Any]
    content: bytes

    @property
    def payload(self) -> bytes:
        """The label as one line of JSON, then the values row by row, little-endian."""
        return json.dumps(self.label).encode() + b"\n" + self.content


def pack_picture(display: Display) -> Parcel:
    """The pixels without loss; a colour picture whose three channels are equal as one of grey.

    Equal pixels that mean something else, or open on another window, are another picture.
    """
    pixels = display.pixels
    meant = repr((display.window, display.scale, display.unit))
    return _pack(pixels[..., 0] if _is_grey(pixels) else pixels, meant)


def pack_heat(heat: HeatLayer) -> Parcel:
    """The heat in 256 steps, as it is drawn."""
    return _pack(np.round(np.clip(heat.values, 0, 1) * 255).astype(np.uint8))


def settings(display: Display) -> dict[str, Any]:
    """All the viewer needs to know but the arrays; what a file's tags say wrongly is left out.

    The rainbow is not among the app's colour maps: its steps draw edges that are not in the heat.
    """
    heat = display.heat
    return {
        "title": display.name,
        "window": _usable_window(display.window),
        "scale": _usable_scale(display.scale),
        "unit": display.unit,
        "spacing": _square_spacing(display.spacing),
        "spacing_note": display.spacing_note,
        "laterality": _SIDES.get(display.laterality.strip().upper(), ""),
        "seen": display.seen,
        "heat": {"of": heat.of, "where": heat.where} if heat else None,
        "colours": {name: _text(COLOUR_MAPS[name]) for name in COLOUR_MAPS},
        "rainbow": _text(table(sequential.Turbo)),
    }


def _pack(values: NDArray[Any], meant: str = "") -> Parcel:
    content = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    height, width, channels = (*values.shape, 1)[:3]
    label = {
        "digest": hashlib.sha256(content + f"{values.shape}{meant}".encode()).hexdigest(),
        "width": width,
        "height": height,
        "channels": channels,
        "bits": 8 * values.itemsize,
    }
    return Parcel(label, content)


def _is_grey(pixels: NDArray[Any]) -> bool:
    """Whether it has channels, and they are equal."""
    match pixels.shape:
        case (_, _, 3):
            return bool((pixels == pixels[..., :1]).all())
        case _:
            return False


def _usable_window(window: tuple[float, float] | None) -> tuple[float, float] | None:
    if window is None or not all(map(math.isfinite, window)) or window[1] < 1:
        return None
    return window


def _usable_scale(scale: tuple[float, float]) -> tuple[float, float]:
    """The scale; values as they are stored where it is none."""
    return scale if all(map(math.isfinite, scale)) and scale[0] else (1.0, 0.0)


def _square_spacing(spacing: tuple[float, float] | None) -> float | None:
    """Millimetres a pixel, None where it is unknown or a pixel is not square."""
    if spacing is None or not all(math.isfinite(side) and side > 0 for side in spacing):
        return None
    down, across = spacing
    return across if math.isclose(down, across, rel_tol=_SQUARE) else None


def _text(table: NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(table).tobytes()).decode("ascii")
