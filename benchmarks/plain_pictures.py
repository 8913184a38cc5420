"""The plain loop's pictures: files decoded anew for every epoch, varied by torchvision.

A copy of what medxfer did before it stored pixels and features, kept as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import InterpolationMode, v2

from benchmarks.plain_sampling import Draw, EpochBatches, seed_of
from medxfer.config import Imbalance, Preset, TrainConfig
from medxfer.data.integrity import read_unchanged
from medxfer.data.manifest import Manifest
from medxfer.data.readers import read_known_bytes
from medxfer.models.preprocessing import CROP, MEAN, STD, to_input

Batch = tuple[Tensor, Tensor, Tensor]
"""Inputs (b, 3, 224, 224) float32 NCHW, class indices (b,), rows of the manifest (b,)."""

Prepare = Callable[[NDArray[np.uint8], Any], Tensor]
"""From pixels (H, W, 3) and what the sampler drew to one input (3, 224, 224)."""


class Pictures(Dataset[Any]):
    """The pictures of a manifest; an item is drawn by row, or by a pair that ends in the row."""

    def __init__(self, manifest: Manifest, prepare: Prepare) -> None:
        self._paths = manifest.paths()
        self._hashes = manifest.table["sha256"].tolist()
        self._targets = manifest.targets()
        self._prepare = prepare

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, draw: int | tuple[int, int]) -> tuple[Tensor, int, int]:
        row = draw[-1] if isinstance(draw, tuple) else draw
        content = read_unchanged(self._paths[row], self._hashes[row])
        pixels = read_known_bytes(content, self._paths[row].name).pixels
        return self._prepare(pixels, draw), self._targets[row], row


class Training:
    """Training batches, drawn and varied anew each epoch, by the seed alone."""

    def __init__(self, manifest: Manifest, config: TrainConfig) -> None:
        transform = augmentation(config.preset)

        def vary(pixels: NDArray[np.uint8], draw: Draw) -> Tensor:
            picture = torch.from_numpy(pixels).permute(2, 0, 1)
            return augment(transform, picture, seed_of(config.seed, *draw))

        self._order = EpochBatches(
            manifest.targets(),
            len(manifest.classes),
            config.batch_size,
            config.seed,
            balanced=config.imbalance is Imbalance.BALANCED_SAMPLING,
        )
        self._loader = _loader(Pictures(manifest, vary), self._order)

    def __len__(self) -> int:
        return len(self._order)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        self._order.epoch = epoch
        return iter(self._loader)


def evaluation(manifest: Manifest, batch_size: int) -> DataLoader[Any]:
    """Every picture once, in order, as the network sees it when it is evaluated."""
    pictures = Pictures(manifest, lambda pixels, _: to_input(pixels))
    rows = range(len(pictures))
    return _loader(
        pictures, [list(rows[start : start + batch_size]) for start in rows[::batch_size]]
    )


def augmentation(preset: Preset) -> v2.Transform:
    """A transform from uint8 (3, H, W) to a normalised float32 (3, 224, 224), random per call."""
    if preset is Preset.ARTICLE:
        crop = v2.RandomResizedCrop(CROP, antialias=True)
        spatial: list[v2.Transform] = [crop, v2.RandomHorizontalFlip(), _rotation(10)]
    else:
        crop = v2.RandomResizedCrop(CROP, scale=(0.8, 1.0), ratio=(0.9, 1.1), antialias=True)
        spatial = [crop, _rotation(7)]
    jitter = v2.ColorJitter(brightness=0.2, contrast=0.2)
    to_float = v2.ToDtype(torch.float32, scale=True)
    return v2.Compose([*spatial, jitter, to_float, v2.Normalize(MEAN, STD)])


def augment(transform: v2.Transform, picture: Tensor, seed: int) -> Tensor:
    """The picture varied by draws from `seed` alone; the generator is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        varied: Tensor = transform(picture)
    return varied


def _rotation(degrees: float) -> v2.Transform:
    return v2.RandomRotation(degrees, interpolation=InterpolationMode.BILINEAR)


def _loader(pictures: Pictures, batches: Sampler[Any] | Sequence[list[int]]) -> DataLoader[Any]:
    """All cores but one decode, in processes that live as long as the loader."""
    workers = len(os.sched_getaffinity(0)) - 1
    return DataLoader(
        pictures,
        batch_sampler=cast("Sampler[Any]", batches),
        num_workers=workers,
        persistent_workers=workers > 0,
    )
