"""The sides of a picture by which it is compared with training scans, each as a few numbers.

Texture and shape are what the network itself sees, at two depths. The others need no network and
are there for what a network was never taught to notice: a negative, a tint, an empty picture.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from medxfer.config import Stage
from medxfer.explain.depths import Seen, Vectors
from medxfer.models.preprocessing import MEAN, STD

_LAYOUT = 7
"""Fields a side in which the layout is compared."""
_BANDS = (56, 28, 14, 7)
"""Fields a side between which detail is measured, fine to coarse."""
_FAINT = 0.002
"""Contrast of detail, white being 1, below which there is none to speak of: half a grey level."""


class Side(StrEnum):
    """One side of a picture; the values are its names in records and answers."""

    LAYOUT = "layout"
    TEXTURE = "texture"
    SHAPE = "shape"
    DETAIL = "detail"
    COLOUR = "colour"


WORDS = {
    Side.LAYOUT: "where it is bright and dark",
    Side.TEXTURE: "its texture",
    Side.SHAPE: "its shapes",
    Side.DETAIL: "how much detail it has",
    Side.COLOUR: "its colours",
}
"""In what an unfamiliar picture is unlike the training scans."""

DEPTH = {Side.TEXTURE: Stage.LAYER2, Side.SHAPE: Stage.LAYER4}
"""The stage whose pooled features a side is."""


def sides(inputs: Tensor, seen: Seen) -> dict[Side, Vectors]:
    """Every side of n pictures as vectors (n, d).

    `inputs` are the pictures as `to_input` gives them, `seen` what the network made of them.
    """
    rgb = _unnormalised(inputs.float().cpu())
    return {
        Side.LAYOUT: _layout(rgb),
        Side.TEXTURE: seen.features[DEPTH[Side.TEXTURE]],
        Side.SHAPE: seen.features[DEPTH[Side.SHAPE]],
        Side.DETAIL: _detail(rgb),
        Side.COLOUR: _colour(rgb),
    }


def energy(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) of logits (n, k): minus the logarithm of the sum of exponentials.

    High where no class finds evidence (Liu et al., "Energy-based Out-of-distribution Detection",
    NeurIPS 2020).
    """
    top = logits.max(axis=1)
    found: NDArray[np.float64] = -(top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1)))
    return found


def _layout(rgb: Tensor) -> Vectors:
    """Ranks of the mean grey of 7 x 7 fields, of mean 0 and length 1.

    Ranks, since exposure, contrast and window differ from device to device.
    """
    fields = functional.adaptive_avg_pool2d(rgb.mean(1, keepdim=True), _LAYOUT).flatten(1)
    ranks = fields.argsort(dim=1, stable=True).argsort(dim=1, stable=True).double()
    ranks = ranks - ranks.mean(dim=1, keepdim=True)
    return np.asarray(ranks / ranks.norm(dim=1, keepdim=True), dtype=np.float32)


def _detail(rgb: Tensor) -> Vectors:
    """Logarithms of the contrast at three scales, fine to coarse."""
    grey = rgb.mean(1, keepdim=True)
    levels = [functional.adaptive_avg_pool2d(grey, size) for size in _BANDS]
    bands = [
        fine - functional.interpolate(coarse, fine.shape[-2:]) for fine, coarse in pairwise(levels)
    ]
    contrast = torch.stack([band.flatten(1).std(dim=1) for band in bands], dim=1)
    return (contrast + _FAINT).log().numpy()


def _colour(rgb: Tensor) -> Vectors:
    """Mean and spread of red against green, and of both against blue; 0 for grey pictures."""
    red, green, blue = rgb.unbind(1)
    opponents = torch.stack((red - green, (red + green) / 2 - blue), dim=1).flatten(2)
    return torch.cat((opponents.mean(2), opponents.std(2)), dim=1).numpy()


def _unnormalised(inputs: Tensor) -> Tensor:
    """Red, green and blue of the network's view, 0 to 1."""
    mean = torch.tensor(MEAN).view(3, 1, 1)
    std = torch.tensor(STD).view(3, 1, 1)
    return (inputs * std + mean).clamp(0, 1)
