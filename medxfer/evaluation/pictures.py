"""Decoded pictures by the batch, for training and for evaluation alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from medxfer.data.integrity import read_unchanged
from medxfer.data.manifest import Manifest
from medxfer.data.readers import read_picture_bytes
from medxfer.errors import MedxferError
from medxfer.machine import Machine
from medxfer.models.preprocessing import to_input

Batch = tuple[Tensor, Tensor, Tensor]
"""Inputs (b, 3, 224, 224) float32, class indices (b,), rows of the manifest (b,)."""

Prepare = Callable[[NDArray[np.uint8], Any], Tensor]
"""From pixels (H, W, 3) and what the sampler drew to one input (3, 224, 224)."""


class Pictures(Dataset[Any]):
    """The pictures of a manifest; an item is drawn by row, or by a pair that ends in the row.

    A file that changed since the import, or can no longer be read, comes back as its error: the
    loader's own way of passing exceptions between processes would garble the sentence.
    """

    def __init__(self, manifest: Manifest, prepare: Prepare) -> None:
        self._paths = manifest.paths()
        self._hashes = manifest.table["sha256"].tolist()
        self._targets = manifest.targets()
        self._prepare = prepare

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, draw: int | tuple[int, int]) -> tuple[Tensor, int, int] | MedxferError:
        row = draw[-1] if isinstance(draw, tuple) else draw
        try:
            content = read_unchanged(self._paths[row], self._hashes[row])
            pixels = read_picture_bytes(content, self._paths[row].name).pixels
        except MedxferError as error:
            return error
        return self._prepare(pixels, draw), self._targets[row], row


def evaluation_loader(manifest: Manifest, machine: Machine, batch_size: int) -> DataLoader[Any]:
    """Every picture once, in order, as the network sees it when it is evaluated."""
    pictures = Pictures(manifest, lambda pixels, _: to_input(pixels))
    rows = range(len(pictures))
    batches = [list(rows[start : start + batch_size]) for start in rows[::batch_size]]
    return loader(pictures, batches, machine)


def loader(
    pictures: Pictures, batches: Sampler[Any] | Sequence[list[int]], machine: Machine
) -> DataLoader[Any]:
    """Batches of pictures, decoded in `machine.workers` processes that live as long as it does."""
    return DataLoader(
        pictures,
        batch_sampler=cast("Sampler[Any]", batches),
        num_workers=machine.workers,
        persistent_workers=machine.workers > 0,
        pin_memory=machine.device.type == "cuda",
        collate_fn=_collate,
    )


def batches_of(loader: DataLoader[Any], machine: Machine) -> Iterator[Batch]:
    """The loader's batches on the machine's device, inputs channels-last.

    Raises:
        DataError, ImageError: a file changed, vanished or became unreadable.
    """
    for batch in loader:
        if isinstance(batch, MedxferError):
            raise batch
        inputs, targets, rows = batch
        yield (
            inputs.to(machine.device, memory_format=torch.channels_last, non_blocking=True),
            targets.to(machine.device, non_blocking=True),
            rows,
        )


def _collate(items: list[Any]) -> Any:
    for item in items:
        if isinstance(item, MedxferError):
            return item
    return default_collate(items)
