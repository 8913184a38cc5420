"""Networks that look only at a known square of what they see, and pictures for them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from medxfer.explain.placing import Heat, place
from medxfer.models.preprocessing import seen_box

SIZE = 48
SIDE = 256
MARGIN = 16
"""Pixels of a picture of 256 a side that are cropped away: 224 are seen."""


class LooksAt(nn.Module):
    """Logits (n, 2): 4 times the mean of one square of the view, and 0."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self.place = (slice(row, row + SIZE), slice(column, column + SIZE))
        self.weight = nn.Parameter(torch.tensor(4.0))

    def forward(self, x: Tensor) -> Tensor:
        mean = x[:, :, *self.place].mean(dim=(1, 2, 3))
        return torch.stack([self.weight * mean, 0 * mean], dim=1)


def picture_of(row: int, column: int, seed: int = 0) -> NDArray[np.uint8]:
    """(256, 256, 3): clouds, and a bright square at that place of the view."""
    clouds = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 12)
    grey = (clouds - clouds.min()) / (clouds.max() - clouds.min()) * 120 + 40
    top, left = MARGIN + row, MARGIN + column
    grey[top : top + SIZE, left : left + SIZE] += 80
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def heat_of(row: int, column: int, cells: int = 7) -> Heat:
    """(256, 256): heat at that square of the view, as coarse as so many cells a side."""
    exact = np.zeros((224, 224), dtype=np.float32)
    exact[row : row + SIZE, column : column + SIZE] = 1
    coarse = exact.reshape(cells, 224 // cells, cells, 224 // cells).mean(axis=(1, 3))
    return place(coarse / coarse.max(), seen_box(SIDE, SIDE), SIDE, SIDE)


def random_heat(seed: int, cells: int = 7) -> Heat:
    """(256, 256): positive noise of so many cells a side, as smooth as a heatmap of them."""
    noise = np.random.default_rng(seed).normal(size=(cells, cells)).clip(0).astype(np.float32)
    return place(noise / noise.max(), seen_box(SIDE, SIDE), SIDE, SIDE)
