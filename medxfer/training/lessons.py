"""What a network learns from and is judged by, phase by phase, and what is prepared for that."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from medxfer.cache.room import CacheRoom
from medxfer.cache.shelf import Rows
from medxfer.config import Imbalance, Stage, TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.data.pixel_store import PixelStore
from medxfer.evaluation.pictures import Batch, Pictures
from medxfer.events import Event, Note
from medxfer.machine import Machine
from medxfer.models.cost import cost
from medxfer.models.prefix import Prefix, suffix
from medxfer.models.views import Views
from medxfer.training.augmentation import draw_views
from medxfer.training.features import JUDGED, FeatureCache
from medxfer.training.keeping import Keeping, keeping
from medxfer.training.plan import Phase
from medxfer.training.sampling import EpochBatches, seed_of
from medxfer.training.watch import Preparation, StopRequestedError

_GIGABYTE, _MEGABYTE = 1e9, 1e6


class Lessons:
    """The images of a fit. `begin` a phase, then ask for its batches.

    `network` is what takes them: the whole network or, behind a frozen prefix, the rest of it.
    """

    def __init__(
        self,
        model: ResNet,
        manifest: Manifest,
        config: TrainConfig,
        machine: Machine,
        room: CacheRoom,
        should_stop: Callable[[], bool],
    ) -> None:
        self.network: nn.Module = model
        self._model = model
        self._manifest = manifest
        self._config = config
        self._machine = machine
        self._room = room
        self._should_stop = should_stop
        self._store = PixelStore(room, manifest)
        self._pictures = Pictures(self._store, manifest.targets(), machine)
        self._train_rows = manifest.rows(Split.TRAIN)
        self._order = EpochBatches(
            manifest.part(Split.TRAIN).targets(),
            len(manifest.classes),
            config.batch_size,
            config.seed,
            balanced=config.imbalance is Imbalance.BALANCED_SAMPLING,
        )
        self._features: FeatureCache | None = None
        self._views = 0

    @property
    def train_batches(self) -> int:
        return len(self._order)

    @property
    def batches_an_epoch(self) -> int:
        return self.train_batches + self.judged_batches(Split.VALIDATION)

    def judged_batches(self, split: Split) -> int:
        """How many batches a split has when it is judged."""
        return -(-len(self._manifest.rows(split)) // self._config.batch_size)

    def close(self) -> None:
        """Let go of files and memory."""
        if self._features:
            self._features.close()
        self._store.close()

    def begin(self, phase: Phase) -> Iterator[Event]:
        """Decode and compute what the phase needs, once; say what is kept and how far it is.

        Raises:
            StopRequestedError: the run should stop here.
            DataError, ImageError: a file changed or can no longer be read.
        """
        yield from self._decode(Split.TRAIN, Split.VALIDATION)
        kept = self._decide(phase)
        self._cut(kept.first if kept and kept.images else Stage.STEM)
        self._views = kept.views if kept else 0
        if kept and (kept.reason or kept.views):
            yield Note(text=_words(kept))
        if kept is None or self._features is None:
            return
        validation = self._manifest.rows(Split.VALIDATION)
        parts = [(JUDGED, validation)]
        parts += [(view, self._train_rows) for view in range(1, kept.views + 1)]
        yield from self._compute(self._features, parts)
        if kept.bytes <= self._machine.memory_to_keep():
            for view, rows in parts:
                self._features.hold(view, rows)

    def prepare(self, split: Split, first: Stage) -> Iterator[Event]:
        """Make a split ready to be judged by a network that learned from stage `first` on."""
        rows = self._manifest.rows(split)
        yield from self._decode(split)
        self._cut(first)
        if self._features and self._features.bytes_each * len(rows) > self._room.spare():
            self._cut(Stage.STEM)
        if self._features:
            yield from self._compute(self._features, [(JUDGED, rows)])

    def train(self, epoch: int) -> Generator[Batch, None, None]:
        """The batches of this epoch, the same ones each time they are asked for."""
        places = self._order.of(epoch)
        batches = [self._train_rows[batch] for batch in places]
        inputs = self._kept_views(batches, epoch) if self._views else self._fresh(batches, epoch)
        for rows, place, seen in zip(batches, places, inputs, strict=True):
            truth = self._pictures.targets[torch.from_numpy(rows)]
            yield seen, truth.to(seen.device, non_blocking=True), torch.from_numpy(place)

    def judged(self, split: Split) -> Iterator[Batch]:
        """Every image of a split once, in order, as it is judged."""
        rows, size = self._manifest.rows(split), self._config.batch_size
        if self._features:
            return self._features.judged(rows, size)
        return self._pictures.judged(rows, size)

    def _kept_views(self, batches: list[Rows], epoch: int) -> Iterator[Tensor]:
        """Each epoch another view of an image, and another each time it is drawn in an epoch."""
        features = self._features
        assert features is not None  # noqa: S101  (views are kept behind a prefix only)
        rows = pd.Series(np.concatenate(batches))
        again = rows.groupby(rows).cumcount().to_numpy(dtype=np.int64)
        views = 1 + (rows.to_numpy() + epoch + again) % self._views
        ends = np.cumsum([len(batch) for batch in batches])[:-1]
        drawn = list(zip(np.split(views, ends), batches, strict=True))
        return self._machine.ahead(lambda pair: features.take(pair[0], pair[1]), drawn)

    def _fresh(self, batches: list[Rows], epoch: int) -> Iterator[Tensor]:
        """Pictures varied anew, through the frozen prefix if there is one."""
        seed = seed_of(self._config.seed, 1, epoch)
        rows = np.concatenate(batches)
        views = draw_views(self._config.preset, self._store.sizes[rows], seed)
        inputs = self._pictures.inputs(_with_views(batches, views))
        if self._features is None:
            return inputs
        return map(self._features.prefix, inputs)

    def _cut(self, first: Stage) -> None:
        """Part the network where it learns; what was prepared for the last cut is let go."""
        if self._features:
            self._features.close()
        self._features, self.network = None, self._model
        if first is Stage.STEM:
            return
        prefix = Prefix(self._model, first, self._machine.dtype)
        self.network = suffix(self._model, first)
        self._features = FeatureCache(
            self._room, self._pictures, prefix, self._config.preset, self._config.seed
        )

    def _decide(self, phase: Phase) -> Keeping | None:
        return keeping(
            phase,
            cost(self._config.depth, self._config.head, len(self._manifest.classes)),
            len(self._train_rows),
            len(self._manifest.rows(Split.VALIDATION)),
            self._config.views,
            self._room.spare(),
            self._machine.dtype.itemsize,
        )

    def _decode(self, *splits: Split) -> Iterator[Event]:
        preparation = Preparation("pixels")
        yield from self._told(preparation, self._store.fill(self._manifest.rows(*splits)))

    def _compute(self, features: FeatureCache, parts: list[tuple[int, Rows]]) -> Iterator[Event]:
        preparation = Preparation("features", sum(len(rows) for _, rows in parts))
        features.open(view for view, _ in parts)
        for view, rows in parts:
            preparation.next_part(len(rows))
            yield from self._told(preparation, features.fill(view, rows))

    def _told(
        self, preparation: Preparation, work: Generator[tuple[int, int], None, None]
    ) -> Iterator[Event]:
        """Do some work and tell of it; stop when it should be stopped."""
        with closing(work):
            for done, total in work:
                if self._should_stop():
                    raise StopRequestedError
                if event := preparation.report(done, total):
                    yield event


def _with_views(batches: list[Rows], views: Views) -> Iterator[tuple[Rows, Views]]:
    at = 0
    for rows in batches:
        yield rows, views[torch.arange(at, at + len(rows))]
        at += len(rows)


def _words(kept: Keeping) -> str:
    if not kept.views:
        return f"Images are varied anew in every epoch: {kept.reason}."
    size = (
        f"{kept.bytes / _GIGABYTE:.1f} GB"
        if kept.bytes >= _GIGABYTE
        else f"{kept.bytes / _MEGABYTE:.0f} MB"
    )
    why = f" ({kept.reason})" if kept.reason else ""
    return (
        f"The stages before {kept.first} are frozen: what they make of {kept.views} views of each "
        f"training image is computed once and kept ({size}){why}."
    )
