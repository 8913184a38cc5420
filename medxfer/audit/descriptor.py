"""A few hundred numbers that stay nearly the same when a picture is changed a little.

Histograms of oriented gradients (Dalal and Triggs, CVPR 2005) over a coarse grid of overlapping
cells, after local contrast normalisation: insensitive to brightness, contrast and compression, and
little moved by a small crop, since a cell is a sixth of the picture wide. The picture is squeezed
into a square first, so that neither its size nor its aspect ratio matter.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from medxfer.audit.measures import Floats

SIDE = 64
"""Pixels of the square from which the descriptor is computed."""
_GRID = 6
_DIRECTIONS = 8
LENGTH = _GRID * _GRID * _DIRECTIONS
_SHARP = 4
"""Power of the cosine by which a gradient counts for a direction."""
_BLUR, _SURROUND = 1.0, 8.0
_FLOOR = 2.0
"""Grey levels of local contrast that noise reaches too."""


def squeezed(levels: Floats, side: int) -> Floats:
    """A picture (height, width) as a square of this side, 0 to 255."""
    image = Image.fromarray(levels)
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32)


def levelled(squares: Floats, surround: float) -> Floats:
    """Pictures (n, side, side) less their surroundings' mean, over their surroundings' contrast.

    `surround` is the standard deviation in pixels of what counts as the surroundings.
    """
    around = (0.0, surround, surround)
    raised = squares - gaussian_filter(squares, around)
    contrast = np.sqrt(gaussian_filter(raised * raised, around))
    return np.asarray(raised / (contrast + _FLOOR), dtype=np.float32)


def describe(squares: Floats) -> Floats:
    """The descriptors (n, LENGTH) of pictures (n, SIDE, SIDE); not centred, not of unit length."""
    even = levelled(gaussian_filter(squares, (0.0, _BLUR, _BLUR)), _SURROUND)
    down, across = np.gradient(even, axis=1), np.gradient(even, axis=2)
    length = np.hypot(down, across) + 1e-6
    pool = _pooling()
    cells = np.empty((len(squares), _GRID, _GRID, _DIRECTIONS), dtype=np.float32)
    for direction in range(_DIRECTIONS):
        angle = 2 * np.pi * direction / _DIRECTIONS
        along = np.maximum(0, (across * np.cos(angle) + down * np.sin(angle)) / length)
        cells[..., direction] = pool @ (along**_SHARP * length) @ pool.T
    return np.asarray(np.sqrt(cells).reshape(len(squares), LENGTH), dtype=np.float32)


def mirrored(descriptors: Floats) -> Floats:
    """The descriptors of the same pictures seen in a mirror, left and right exchanged."""
    cells = descriptors.reshape(-1, _GRID, _GRID, _DIRECTIONS)
    turned = (_DIRECTIONS // 2 - np.arange(_DIRECTIONS)) % _DIRECTIONS
    return np.ascontiguousarray(cells[:, :, ::-1][..., turned]).reshape(descriptors.shape)


def _pooling() -> Floats:
    """Weights (_GRID, SIDE) of the pixels of a row in each of its cells."""
    centres = (np.arange(_GRID) + 0.5) * SIDE / _GRID - 0.5
    away = (np.arange(SIDE) - centres[:, np.newaxis]) / (SIDE / _GRID)
    weights = np.exp(-2 * away**2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
