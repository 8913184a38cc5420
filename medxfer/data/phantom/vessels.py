"""The vessels of the lungs: trees that leave the hila, fork and taper."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from medxfer.data.phantom.anatomy import LEFT, RIGHT, Anatomy
from medxfer.data.phantom.projection import Cloud

BLOOD = 0.15
"""What blood attenuates more than aerated lung, 1/cm."""
THINNEST = 0.045
"""Radius in cm under which a vessel is not followed."""
TRUNKS = 11
STEP = 0.1

Place = npt.NDArray[np.float64]


def vessel_tree(anatomy: Anatomy, rng: np.random.Generator) -> Cloud:
    """Arteries and veins of both lungs. Nothing here keeps them inside: mask with the lung."""
    paths, radii = [], []
    for side in (RIGHT, LEFT):
        hilum = np.array([side * 3.0, anatomy.height * (0.4 if side == RIGHT else 0.37), 0.0])
        for angle in np.linspace(-1.35, 1.5, TRUNKS) + rng.normal(0, 0.1, TRUNKS):
            down = np.sin(angle)
            direction = np.array([side * np.cos(angle), down * 1.1, rng.normal(0, 0.45)])
            start = hilum + np.array([side * rng.uniform(-0.3, 0.5), down * 1.6, rng.normal(0, 1)])
            calibre = anatomy.vessels * rng.uniform(0.3, 0.5) * (1.25 if down > 0 else 0.9)
            for piece, along in _branch(start, direction, calibre, rng):
                paths.append(piece)
                radii.append(along)
    path, radius = np.concatenate(paths), np.concatenate(radii)
    each = (3 + 36 * radius).astype(np.int64)  # enough that wide vessels do not look grainy
    path, radius, share = (np.repeat(values, each, axis=0) for values in (path, radius, 1 / each))
    spread = rng.normal(0, 0.5, path.shape) * radius[:, None]
    points = path + spread + rng.uniform(-STEP / 2, STEP / 2, path.shape)
    weights = np.pi * radius**2 * STEP * BLOOD * share
    return Cloud(points.astype(np.float32), weights.astype(np.float32))


def _branch(
    start: Place, direction: Place, radius: float, rng: np.random.Generator
) -> Iterator[tuple[Place, Place]]:
    """A vessel and all that forks from it: places (n, 3) and radii (n,) along each piece."""
    waiting = [(start, direction / np.linalg.norm(direction), radius)]
    while waiting:
        start, direction, radius = waiting.pop()
        length = rng.uniform(5.5, 9.5) * radius**0.5
        count = max(int(length / STEP), 2)
        wander = np.cumsum(rng.normal(0, 0.025, (count, 3)), axis=0)
        path = start + np.cumsum((direction + wander) * STEP, axis=0)
        thin = radius * rng.uniform(0.76, 0.86)
        yield path, np.linspace(radius, thin, count)
        heading = direction + wander[-1]
        for share, bend in ((rng.uniform(0.82, 0.98), 0.22), (rng.uniform(0.45, 0.75), 0.6)):
            if thin * share > THINNEST:
                turned = heading + rng.normal(0, bend, 3)
                waiting.append((path[-1], turned / np.linalg.norm(turned), thin * share))
