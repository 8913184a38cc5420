"""Which pictures make a batch of the plain loop, in which order: by seed and epoch alone.

A copy of what medxfer did when the plain loop was its own, kept as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Sampler

from medxfer.training.loss import class_weights

Draw = tuple[int, int]
"""Epoch and row: enough for a loader process to vary a picture the same way in any process."""


def seed_of(*numbers: int) -> int:
    """One 32-bit seed from several numbers, well mixed."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class EpochBatches(Sampler[list[Draw]]):
    """Batches of (epoch, row), shuffled anew each epoch.

    `balanced` draws rows with replacement so that every class is equally likely. A last batch of
    a single image is left out, since batch norm has no variance to estimate from it.
    """

    def __init__(
        self, targets: Sequence[int], classes: int, batch: int, seed: int, *, balanced: bool
    ) -> None:
        self.epoch = 1
        self._rows = len(targets)
        self._batch = batch
        self._seed = seed
        self._weights = (
            class_weights(targets, classes)[torch.tensor(targets)].double() if balanced else None
        )

    def __len__(self) -> int:
        full, rest = divmod(self._rows, self._batch)
        return full + (rest > 1)

    def __iter__(self) -> Iterator[list[Draw]]:
        generator = torch.Generator().manual_seed(seed_of(self._seed, self.epoch))
        if self._weights is None:
            order = torch.randperm(self._rows, generator=generator)
        else:
            order = torch.multinomial(
                self._weights, self._rows, replacement=True, generator=generator
            )
        for number in range(len(self)):
            rows = order[number * self._batch : (number + 1) * self._batch]
            yield [(self.epoch, row) for row in rows.tolist()]
