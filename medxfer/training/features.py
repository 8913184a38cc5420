"""The feature cache: what the frozen stages make of each picture, computed once and kept.

A shelf holds one view of every picture. Its key is made of all that decides its contents: the
frozen weights, where they end, the arithmetic, the pictures, and how the view was drawn. So runs
that share a frozen part share its features, whatever head, learning rate or split they have.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator, Iterable, Iterator
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medxfer.cache.filling import fill
from medxfer.cache.room import CacheRoom
from medxfer.cache.shelf import Rows, Shelf
from medxfer.config import Preset
from medxfer.evaluation.pictures import Batch, Pictures, pieces_of
from medxfer.models.prefix import Prefix
from medxfer.models.views import Views
from medxfer.training.augmentation import VARIATIONS, draw_views
from medxfer.training.sampling import seed_of

JUDGED = 0
"""The view that pictures are judged by; 1 and above are varied views."""

_VERSION = "1"
"""Part of every key; counts up when the same inputs would give other features."""
_PIECE = {"cpu": 8, "cuda": 128}
"""Pictures at a time: on a CPU few, so that they stay in the cache of one core."""
_GPU_THREADS = 2
"""One fetches while the other computes."""

_thread = threading.local()


class FeatureCache:
    """The features of a prefix for the pictures of a data set, view by view."""

    def __init__(
        self, room: CacheRoom, pictures: Pictures, prefix: Prefix, preset: Preset, seed: int
    ) -> None:
        """`seed` decides the varied views, together with their number."""
        self.prefix = prefix
        self.shape = prefix.shape()
        self._room = room
        self._pictures = pictures
        self._machine = pictures.machine
        self._preset, self._seed = preset, seed
        self._shelves: dict[int, Shelf] = {}
        self._held: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def bytes_each(self) -> int:
        """Of the features of one view of one picture."""
        return int(np.prod(self.shape)) * self._machine.dtype.itemsize

    def close(self) -> None:
        """Let go of the files and of what is held in memory."""
        for shelf in self._shelves.values():
            shelf.close()
        self._shelves.clear()
        self._held.clear()

    def open(self, views: Iterable[int]) -> None:
        """Keep the shelves of these views from being removed to make room for one another."""
        for view in views:
            self._shelf(view)

    def fill(self, view: int, rows: Rows) -> Generator[tuple[int, int], None, None]:
        """Compute what is missing of a view of these pictures; yields (done, total)."""
        shelf = self._shelf(view)
        self._room.make_room(self.bytes_each * len(shelf.missing(rows)))
        drawn = self._drawn(view)
        threads = torch.get_num_threads()
        try:
            yield from fill(
                shelf,
                rows,
                lambda piece: self._made(piece, drawn),
                _PIECE[self._machine.device.type],
                threads if self._on_cpu else _GPU_THREADS,
            )
        finally:
            torch.set_num_threads(threads)

    def missing(self, view: int, rows: Rows) -> Rows:
        """Those of these pictures whose features of this view are not kept yet."""
        return self._shelf(view).missing(rows)

    def hold(self, view: int, rows: Rows) -> None:
        """Read these features, which have been filled, into the memory of the device."""
        where = torch.full((len(self._pictures.targets),), -1)
        where[torch.from_numpy(rows)] = torch.arange(len(rows))
        self._held[view] = (where, self._read(view, rows).to(self._machine.device))

    def take(self, views: NDArray[np.int64], rows: Rows) -> Tensor:
        """The features of one view of each of these rows, (n, *shape), on the device.

        They come from memory where they are held, else from the disk.
        """
        taken: list[tuple[NDArray[np.int64], Tensor]] = []
        for view in np.unique(views):
            places = np.flatnonzero(views == view)
            taken.append((places, self._taken(int(view), rows[places])))
        if len(taken) == 1:
            return taken[0][1]
        back = np.argsort(np.concatenate([places for places, _ in taken]))
        together = torch.cat([features for _, features in taken])
        return together[torch.from_numpy(back).to(together.device)]

    def judged(self, rows: Rows, batch_size: int) -> Iterator[Batch]:
        """The features of every one of these pictures, in order, by the view they are judged by."""
        for piece in pieces_of(np.arange(len(rows)), batch_size):
            inputs = self.take(np.full(len(piece), JUDGED), rows[piece])
            truth = self._pictures.targets[torch.from_numpy(rows[piece])]
            yield inputs, truth.to(inputs.device), torch.from_numpy(piece)

    @cached_property
    def _key(self) -> str:
        digest = hashlib.sha256(_VERSION.encode())
        digest.update(f"{self._pictures.store.made_by} {self._machine.dtype}".encode())
        digest.update(str(self.prefix.steps).encode())
        for name, weights in self.prefix.state_dict().items():
            digest.update(name.encode())
            digest.update(weights.float().cpu().contiguous().numpy().tobytes())
        return f"{self._pictures.store.key}-{digest.hexdigest()[:32]}"

    @property
    def _varied(self) -> str:
        """How the varied views are drawn."""
        how = hashlib.sha256(repr(VARIATIONS[self._preset]).encode()).hexdigest()[:8]
        return f"{self._preset}-{how}-{self._seed}"

    def _shelf(self, view: int) -> Shelf:
        if view not in self._shelves:
            drawn = "judged" if view == JUDGED else f"{self._varied}-{view}"
            sizes = np.full(len(self._pictures.targets), self.bytes_each)
            shape = " × ".join(map(str, self.shape))
            words = f"{shape} features of {self._pictures.store.words}, view {drawn}"
            self._shelves[view] = self._room.shelf("features", f"{self._key}-{drawn}", sizes, words)
        return self._shelves[view]

    def _drawn(self, view: int) -> Views:
        if view == JUDGED:
            return self._pictures.plain_views
        sizes = self._pictures.store.sizes
        return draw_views(self._preset, sizes, seed_of(self._seed, 0, view))

    @property
    def _on_cpu(self) -> bool:
        return self._machine.device.type == "cpu"

    def _made(self, rows: Rows, drawn: Views) -> Iterable[tuple[int, NDArray[np.uint8]]]:
        if self._on_cpu and not getattr(_thread, "alone", False):
            # One core a thread: they share no work, and nobody waits for the slowest.
            torch.set_num_threads(1)
            _thread.alone = True
        features = self.prefix(self._inputs(rows, drawn))[: len(rows)]
        order = (0, 2, 3, 1) if features.dim() > 2 else (0, 1)  # noqa: PLR2004
        flat = features.permute(order).contiguous().cpu().flatten(1).view(torch.uint8).numpy()
        return zip(rows.tolist(), flat, strict=True)

    def _inputs(self, rows: Rows, drawn: Views) -> Tensor:
        """A piece for the prefix.

        On a CPU features come out the same to the last bit whatever else was missing: each picture
        is rendered by itself, and the piece is always whole, its first rows again at its end.
        """
        if not self._on_cpu:
            return self._pictures.input(rows, drawn[torch.from_numpy(rows)])
        alone = [rows[at : at + 1] for at in range(len(rows))]
        seen = [self._pictures.input(row, drawn[torch.from_numpy(row)]) for row in alone]
        return torch.cat([seen[at % len(seen)] for at in range(_PIECE["cpu"])])

    def _taken(self, view: int, rows: Rows) -> Tensor:
        if view in self._held:
            where, features = self._held[view]
            places = where[torch.from_numpy(rows)]
            if (places >= 0).all():
                return features[places.to(features.device)]
        read = self._machine.pinned(self._read(view, rows))
        return read.to(self._machine.device, non_blocking=True)

    def _read(self, view: int, rows: Rows) -> Tensor:
        """(n, *shape) in main memory, channels-last."""
        shelf = self._shelf(view)
        content = np.empty((len(rows), self.bytes_each), dtype=np.uint8)
        for place, row in enumerate(rows.tolist()):
            shelf.read(row, content[place])
        features = torch.from_numpy(content).view(self._machine.dtype)
        if len(self.shape) == 1:
            return features
        channels, height, width = self.shape
        return features.view(len(rows), height, width, channels).permute(0, 3, 1, 2)
