"""Pictures as other devices and other hands might have taken them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medxfer.models.preprocessing import seen_box
from medxfer.models.views import Views

_AREA = (0.5, 1.0)
"""Share of the network's view that is kept: nearer or farther, and off centre."""
_RATIO = 0.85
_DEGREES = 10.0
_LIGHT = 0.3
"""Brightness and contrast are multiplied by 1 - light to 1 + light."""


def other_devices(sizes: NDArray[np.int64], seed: int) -> Views:
    """One view of each picture, drawn at random; `sizes` (n, 2) are heights and widths.

    Wider than what training varies: the limit of what is familiar is set on these, since a scan
    from another hospital is framed, turned and exposed otherwise, and is to be let through.
    """
    random, n = np.random.default_rng(seed), len(sizes)
    seen = np.array([seen_box(width, height) for height, width in sizes.tolist()]).reshape(n, 4)
    wide, high = seen[:, 2] - seen[:, 0], seen[:, 3] - seen[:, 1]
    area = random.uniform(*_AREA, n)
    ratio = np.exp(random.uniform(np.log(_RATIO), -np.log(_RATIO), n))
    width = wide * np.minimum(np.sqrt(area * ratio), 1)
    height = high * np.minimum(np.sqrt(area / ratio), 1)
    left = seen[:, 0] + random.random(n) * (wide - width)
    top = seen[:, 1] + random.random(n) * (high - height)
    angle = np.radians(random.uniform(-_DEGREES, _DEGREES, n))
    return Views(
        box=_tensor(np.stack((left, top, left + width, top + height), axis=1)),
        mirrored=torch.zeros(n, dtype=torch.bool),
        angle=_tensor(angle),
        brightness=_tensor(random.uniform(1 - _LIGHT, 1 + _LIGHT, n)),
        contrast=_tensor(random.uniform(1 - _LIGHT, 1 + _LIGHT, n)),
        contrast_first=torch.from_numpy(random.random(n) < 1 / 2),
    )


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
