"""The pictures of a fit: training batches varied anew each epoch, validation as it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medxfer.config import Imbalance, TrainConfig
from medxfer.data.manifest import Manifest
from medxfer.evaluation.pictures import Batch, Pictures, batches_of, evaluation_loader, loader
from medxfer.machine import Machine
from medxfer.training.augmentation import augment, augmentation
from medxfer.training.sampling import Draw, EpochBatches, seed_of


class Lessons:
    """Loaders of the two parts that training may look at."""

    def __init__(
        self, train: Manifest, validation: Manifest, config: TrainConfig, machine: Machine
    ) -> None:
        transform = augmentation(config.preset)

        def vary(pixels: NDArray[np.uint8], draw: Draw) -> Tensor:
            picture = torch.from_numpy(pixels).permute(2, 0, 1)
            return augment(transform, picture, seed_of(config.seed, *draw))

        self._machine = machine
        self._order = EpochBatches(
            train.targets(),
            len(train.classes),
            config.batch_size,
            config.seed,
            balanced=config.imbalance is Imbalance.BALANCED_SAMPLING,
        )
        self._train = loader(Pictures(train, vary), self._order, machine)
        self.held_out = validation
        self.validation = evaluation_loader(validation, machine, config.batch_size)

    @property
    def train_batches(self) -> int:
        return len(self._order)

    @property
    def batches_an_epoch(self) -> int:
        return len(self._order) + len(self.validation)

    def train(self, epoch: int) -> Iterator[Batch]:
        """The batches of this epoch, the same ones each time they are asked for."""
        self._order.epoch = epoch
        return batches_of(self._train, self._machine)
