"""Laying one picture over another: the shift and scale at which they agree best.

Gauss-Newton on the difference of locally normalised pictures (Lucas and Kanade, IJCAI 1981; Baker
and Matthews, IJCV 2004), with weights that let go of what disagrees, such as burnt-in text. Only
shift and scale, each its own along width and height: what cropping and resizing do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from medxfer.audit.descriptor import levelled
from medxfer.audit.measures import Floats

NO_CHANGE = (1.0, 0.0, 1.0, 0.0)
MOST = 0.16
"""How far a scale may be from 1 and a shift from 0: a tenth cut away at one side, and some room."""
_LETTING_GO = 1.5
"""Standard deviations of the difference beyond which a pixel counts less (Cauchy weights)."""
_STEP = 0.08
_ROUGH, _EXACT = (0.75, 3.0, 8), (0.5, 5.0, 4)
"""Blur, surroundings (both in pixels) and steps: first at half the size, then at the whole."""
_FINE = (1.0, 8.0, 4)

Inside = npt.NDArray[np.bool_]


def align(first: Floats, second: Floats) -> Floats:
    """Where each second picture lies in the first, (n, 4).

    Both are (n, side, side), 0 to 255; side is even. A position is scale and shift along the
    width, then along the height; with coordinates of -1 to 1, x of the second is
    scale * x + shift in the first.
    """
    position = np.tile(np.array(NO_CHANGE, dtype=np.float32), (len(first), 1))
    blur, surround, steps = _ROUGH
    one, two = (_prepared(_halved(each), blur, surround) for each in (first, second))
    position = _improved(one, two, position, steps)
    blur, surround, steps = _EXACT
    one, two = (_prepared(each, blur, surround) for each in (first, second))
    return _improved(one, two, position, steps)


def refine(first: Floats, second: Floats, position: Floats) -> Floats:
    """The same at a higher resolution, from a position found before."""
    blur, surround, steps = _FINE
    one, two = (_prepared(each, blur, surround) for each in (first, second))
    return _improved(one, two, position, steps)


def laid_over(first: Floats, position: Floats) -> tuple[Floats, Inside]:
    """The first pictures as they lie under the second, and where they reach, (n, side, side)."""
    across, within_width = _weights(position[:, 0], position[:, 1], first.shape[1])
    down, within_height = _weights(position[:, 2], position[:, 3], first.shape[1])
    laid = np.asarray(down @ first @ across.transpose(0, 2, 1), dtype=np.float32)
    return laid, within_height[:, :, np.newaxis] & within_width[:, np.newaxis, :]


def _halved(pictures: Floats) -> Floats:
    count, side, _ = pictures.shape
    blocks = pictures.reshape(count, side // 2, 2, side // 2, 2)
    return np.asarray(blocks.mean(axis=(2, 4)), dtype=np.float32)


def _prepared(pictures: Floats, blur: float, surround: float) -> Floats:
    return levelled(gaussian_filter(pictures, (0.0, blur, blur)), surround)


def _weights(scale: Floats, shift: Floats, side: int) -> tuple[Floats, Inside]:
    """Linear interpolation along one side as matrices (n, side, side), and what lies inside."""
    centres = _centres(side)
    target = scale[:, np.newaxis] * centres + shift[:, np.newaxis]
    place = (target + 1) / 2 * side - 0.5
    pixels = np.arange(side, dtype=np.float32)
    weights = np.maximum(0, 1 - np.abs(place[:, :, np.newaxis] - pixels))
    total = np.maximum(weights.sum(axis=2, keepdims=True), 1e-6)
    return (weights / total).astype(np.float32), np.abs(target) <= 1


def _centres(side: int) -> Floats:
    return ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1).astype(np.float32)


def _improved(first: Floats, second: Floats, position: Floats, steps: int) -> Floats:
    low = np.array([1 / (1 + MOST), -MOST] * 2, dtype=np.float32)
    high = np.array([1 + MOST, MOST] * 2, dtype=np.float32)
    for _ in range(steps):
        position = np.clip(position + _step(first, second, position), low, high)
    return position


def _step(first: Floats, second: Floats, position: Floats) -> Floats:
    """One Gauss-Newton step, (n, 4)."""
    count, side, _ = first.shape
    laid, inside = laid_over(first, position)
    down, across = (np.gradient(laid, axis=axis) * (side / 2) for axis in (1, 2))
    across /= position[:, 0, np.newaxis, np.newaxis]
    down /= position[:, 2, np.newaxis, np.newaxis]
    one, two = _centred(laid, inside), _centred(second, inside)
    gain = (one * two).sum((1, 2)) / ((one * one).sum((1, 2)) + 1e-6)
    gain = np.maximum(gain, 0.3)[:, np.newaxis, np.newaxis]
    difference = two - gain * one
    area = inside.sum((1, 2)) + 1
    usual = np.sqrt((difference * difference).sum((1, 2)) / area)[:, np.newaxis, np.newaxis]
    weight = inside / (1 + (difference / (_LETTING_GO * usual + 1e-6)) ** 2)
    centres = _centres(side)
    slopes = np.stack([
        across * centres, across, down * centres[:, np.newaxis], down,
    ], axis=1).reshape(count, 4, side * side) * gain  # fmt: skip
    weighted = slopes * weight.reshape(count, 1, side * side)
    normal = weighted @ slopes.transpose(0, 2, 1)
    toward = weighted @ difference.reshape(count, side * side, 1)
    trace = np.trace(normal, axis1=1, axis2=2)[:, np.newaxis, np.newaxis]
    steady = normal + np.eye(4, dtype=np.float32) * (1e-3 * trace + 1e-6)
    return np.clip(np.linalg.solve(steady, toward)[:, :, 0], -_STEP, _STEP).astype(np.float32)


def _centred(pictures: Floats, inside: Inside) -> Floats:
    """Less their mean, and 0 outside."""
    total = (pictures * inside).sum((1, 2)) / (inside.sum((1, 2)) + 1)
    return np.asarray((pictures - total[:, np.newaxis, np.newaxis]) * inside, dtype=np.float32)
