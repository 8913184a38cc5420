"""Maps that know nothing of the network: what a heatmap must beat before it says anything."""

from __future__ import annotations

import numpy as np

from medxfer.explain.placing import Heat
from medxfer.models.preprocessing import CROP


def moved(heat: Heat, generator: np.random.Generator) -> Heat:
    """A random map to compare with: the same heat elsewhere.

    The square map (s, s) is turned or mirrored and shifted at random, what leaves on one side
    coming in on the other. So it is as smooth and as large as the map itself, and only the place
    differs: a map of noise would lose against any smooth one.
    """
    turned = np.rot90(heat, int(generator.integers(4)))
    mirrored = turned.T if generator.random() < 0.5 else turned  # noqa: PLR2004
    down, across = generator.integers(0, heat.shape[0], 2)
    return np.ascontiguousarray(np.roll(mirrored, (int(down), int(across)), (0, 1)))


def centre_blob(side: int = CROP) -> Heat:
    """(side, side): a round spot in the middle, its spread a quarter of the side.

    The map that a network which has learnt nothing but "pictures are centred" deserves.
    """
    offset = (np.arange(side) + 0.5) / side - 0.5
    squares = offset[:, None] ** 2 + offset**2
    return np.exp(-squares / (2 * 0.25**2)).astype(np.float32)
