"""Which images make a batch, in which order: a function of seed and epoch alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from medxfer.training.loss import class_weights


def seed_of(*numbers: int) -> int:
    """One 32-bit seed from several numbers, well mixed."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class EpochBatches:
    """Batches of images, by their place in the training part, shuffled anew each epoch.

    `balanced` draws images with replacement so that every class is equally likely. A last batch of
    a single image is left out, since batch norm has no variance to estimate from it.
    """

    def __init__(
        self, targets: Sequence[int], classes: int, batch: int, seed: int, *, balanced: bool
    ) -> None:
        self._images = len(targets)
        self._batch = batch
        self._seed = seed
        self._weights = (
            class_weights(targets, classes)[torch.tensor(targets)].double() if balanced else None
        )

    def __len__(self) -> int:
        full, rest = divmod(self._images, self._batch)
        return full + (rest > 1)

    def of(self, epoch: int) -> list[NDArray[np.int64]]:
        """The batches of one epoch."""
        generator = torch.Generator().manual_seed(seed_of(self._seed, epoch))
        if self._weights is None:
            order = torch.randperm(self._images, generator=generator)
        else:
            order = torch.multinomial(
                self._weights, self._images, replacement=True, generator=generator
            )
        places = order.numpy()
        return [places[at * self._batch : (at + 1) * self._batch] for at in range(len(self))]
