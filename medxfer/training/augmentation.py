"""How training pictures are varied: presets, drawn for a whole data set at once.

The parameters have the distributions of torchvision's RandomResizedCrop, RandomHorizontalFlip,
RandomRotation and ColorJitter; `medxfer.models.views.render` applies them to a batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medxfer.config import Preset
from medxfer.models.views import Views

_TRIES = 10
"""Crops that may fail to fit before the middle of the picture is taken, as in torchvision."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Variation:
    """What is drawn at random for each picture, and how widely."""

    words: str
    area: tuple[float, float]
    """Share of the picture's area that the crop keeps, uniform."""
    ratio: tuple[float, float]
    """Width by height of the crop, uniform in its logarithm."""
    mirrored: float
    """Probability."""
    degrees: float
    """Rotation either way, uniform."""
    light: float = 0.2
    """Brightness and contrast are multiplied by 1 - light to 1 + light, uniform."""


VARIATIONS = MappingProxyType(
    {
        Preset.RADIOGRAPH: Variation(
            "Mild: crops of 80 to 100 % of the picture, 7° rotation, brightness and contrast. No "
            "mirroring, since left and right matter in a chest.",
            area=(0.8, 1.0), ratio=(0.9, 1.1), mirrored=0.0, degrees=7.0,
        ),
        Preset.ARTICLE: Variation(
            "Strong: crops of 8 to 100 % of the picture, mirroring, 10° rotation, brightness and "
            "contrast 20 %.",
            area=(0.08, 1.0), ratio=(3 / 4, 4 / 3), mirrored=0.5, degrees=10.0,
        ),
    }
)  # fmt: skip


def draw_views(preset: Preset, sizes: NDArray[np.int64], seed: int) -> Views:
    """A random view of each picture; `sizes` (n, 2) are heights and widths.

    The same seed draws the same views; a picture's view depends on its place in `sizes`.
    """
    variation, generator = VARIATIONS[preset], np.random.default_rng(seed)
    n = len(sizes)
    box = _crops(variation, sizes, generator)
    angle = np.radians(generator.uniform(-variation.degrees, variation.degrees, n))
    low, high = 1 - variation.light, 1 + variation.light
    return Views(
        box=_tensor(box),
        mirrored=torch.from_numpy(generator.random(n) < variation.mirrored),
        angle=_tensor(angle),
        brightness=_tensor(generator.uniform(low, high, n)),
        contrast=_tensor(generator.uniform(low, high, n)),
        contrast_first=torch.from_numpy(generator.random(n) < 0.5),  # noqa: PLR2004
    )


def _crops(
    variation: Variation, sizes: NDArray[np.int64], generator: np.random.Generator
) -> Floats:
    """Boxes (n, 4) in pixels, by rejection as torchvision's RandomResizedCrop draws them."""
    n = len(sizes)
    high, wide = (sizes[:, [side]].astype(np.float64) for side in (0, 1))
    area = high * wide * generator.uniform(*variation.area, (n, _TRIES))
    narrow, broad = (math.log(ratio) for ratio in variation.ratio)
    ratio = np.exp(generator.uniform(narrow, broad, (n, _TRIES)))
    width, height = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
    fits = (width > 0) & (width <= wide) & (height > 0) & (height <= high)
    first = fits.argmax(axis=1)[:, np.newaxis]
    width, height = (np.take_along_axis(side, first, axis=1)[:, 0] for side in (width, height))
    high, wide = high[:, 0], wide[:, 0]
    left = np.floor(generator.random(n) * (wide - width + 1))
    top = np.floor(generator.random(n) * (high - height + 1))

    # Where none fitted: the middle, as large as the ratios allow.
    none = ~fits.any(axis=1)
    kept_width = np.minimum(wide, np.rint(high * variation.ratio[1]))
    kept_height = np.minimum(high, np.rint(wide / variation.ratio[0]))
    width, height = np.where(none, kept_width, width), np.where(none, kept_height, height)
    left = np.where(none, np.floor((wide - width) / 2), left)
    top = np.where(none, np.floor((high - height) / 2), top)
    return np.stack((left, top, left + width, top + height), axis=1)


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
