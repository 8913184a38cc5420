"""Stored values to the 8-bit RGB every later step works on: the one table of modes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxfer.data.depth import STEPS, Deep, deep_of
from medxfer.errors import ImageError

Pixels = NDArray[np.uint8]

_WHITE_IS_ZERO = 0
_PHOTOMETRIC = 262
_TAILS = (0.1, 99.9)
_FULL_SCALES = (1.0, *(2.0**bits - 1 for bits in (8, 10, 12, 14, 16)))
"""Largest values of 0 to 1 data and of the bit depths detectors have."""
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def to_rgb(
    image: Image.Image, name: str, *, inverted: bool = False, deep: bool = False
) -> tuple[Pixels, tuple[str, ...], Deep | None]:
    """The picture as (height, width, 3), 0 to 255, notes on what was changed, and its depth.

    Grey becomes three equal channels. Transparent parts are laid on black. More than 8 bits a
    value are scaled so that order is kept: over the bits in use (12-bit data in a 16-bit file
    are taken as 12), or, where the picture fills less than half of that range, between its
    0.1th and 99.9th percentile, so that neither a narrow range nor one bright marker costs
    contrast. `inverted` turns those around; see `white_is_zero`. With `deep` they are given at 16
    bits as well.

    Raises:
        ImageError: the picture holds no finite value.
    """
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _deep_grey(image, name, inverted=inverted, deep=deep)
    if mode in ("1", "L"):
        return three(np.asarray(image.convert("L"))), (), None
    if mode in _WITH_ALPHA or "transparency" in image.info:
        coloured = image.convert("RGBA")
        black = Image.new("RGBA", coloured.size, (0, 0, 0, 255))
        laid = Image.alpha_composite(black, coloured).convert("RGB")
        return np.array(laid), ("transparent parts were laid on black",), None
    notes = () if mode in ("RGB", "P") else (f"converted from {mode} to RGB",)
    return np.array(image.convert("RGB")), notes, None


def white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF stores white as zero; Pillow turns only 1- and 8-bit ones around."""
    tags: Any = getattr(image, "tag_v2", None)
    return tags is not None and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _deep_grey(
    image: Image.Image, name: str, *, inverted: bool, deep: bool
) -> tuple[Pixels, tuple[str, ...], Deep | None]:
    stored = np.asarray(image)
    values = stored.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        if not finite.any():
            raise ImageError(f"{name} holds no valid number.", "Export it again.")
        values = np.where(finite, values, values[finite].min())
    low, high = _window(values)
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    if inverted:
        scaled = 1 - scaled
    grey = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    note = f"values {low:g} to {high:g} are shown as 0 to 255"
    notes = (note,) if finite.all() else (note, "invalid numbers are shown as black")
    return three(grey), notes, _deepened(stored, values, (low, high), inverted) if deep else None


def _deepened(
    stored: NDArray[Any],
    values: NDArray[np.float32],
    ends: tuple[float, float],
    inverted: bool,
) -> Deep | None:
    """Whole numbers as they are stored where 16 bits hold them; all else in 65,536 steps."""
    bottom, top = float(values.min()), float(values.max())
    if stored.dtype.kind in "iu" and bottom >= 0 and top < STEPS:
        return deep_of(stored.astype(np.uint16), 0.0, 1.0, ends, turned=inverted)
    step = (top - bottom) / (STEPS - 1) or 1.0
    counts = values - bottom
    counts /= step
    steps = np.rint(counts, out=counts).astype(np.uint16)
    return deep_of(steps, bottom, step, ends, turned=inverted)


def _window(values: NDArray[np.float32]) -> tuple[float, float]:
    """The values shown as black and as white."""
    smallest, largest = float(values.min()), float(values.max())
    low, high = (float(edge) for edge in np.percentile(values, _TAILS))
    full = next((top for top in _FULL_SCALES if largest <= top), largest)
    if smallest >= 0 and high - low >= full / 2:
        return 0.0, full
    return (low, high) if high > low else (smallest, largest)


def three(grey: NDArray[np.uint8]) -> Pixels:
    """A grey picture (height, width) as three equal channels."""
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
