"""Chords of the beam through simple solids, in cm, as maps over the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from medxfer.data.phantom.anatomy import Values


def edge(u: Values, power: float) -> Values:
    """1 in the middle, falling to 0 where u reaches 1 or -1."""
    height: Values = np.sqrt(np.clip(1 - np.abs(u) ** power, 0, 1))
    return height


def union(parts: Sequence[Values]) -> Values:
    """Solids that overlap as one: the larger chord, with a soft join."""
    total = np.zeros_like(parts[0])
    for part in parts:
        square = part * part
        total += square * square
    chord: Values = np.sqrt(np.sqrt(total))
    return chord


def ellipse(
    x: Values,
    y: Values,
    centre: tuple[float, float],
    axes: tuple[float, float],
    depth: float,
    angle: float,
) -> Values:
    """Chord of an ellipsoid `depth` cm thick whose long axis points `angle` degrees downwards."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    right, down = x - centre[0], y - centre[1]
    along = (cosine * right + sine * down) / axes[0]
    across = (cosine * down - sine * right) / axes[1]
    chord: Values = depth * np.sqrt(np.clip(1 - along**2 - across**2, 0, 1))
    return chord


def rod(
    x: Values,
    y: Values,
    start: tuple[float, float],
    stop: tuple[float, float],
    first: float,
    last: float,
) -> Values:
    """Chord of a round rod whose radius goes from `first` to `last` cm."""
    run, fall = stop[0] - start[0], stop[1] - start[1]
    right, down = x - start[0], y - start[1]
    done = np.clip((right * run + down * fall) / (run**2 + fall**2), 0, 1)
    away = (right - done * run) ** 2 + (down - done * fall) ** 2
    radius = first + done * (last - first)
    chord: Values = 2 * np.sqrt(np.clip(radius**2 - away, 0, None))
    return chord
