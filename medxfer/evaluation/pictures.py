"""Stored pictures by the batch, as the network sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from medxfer.cache.shelf import Rows
from medxfer.data.pixel_store import PixelStore
from medxfer.machine import Machine
from medxfer.models.views import Views, evaluation_views, render

Batch = tuple[Tensor, Tensor, Tensor]
"""What the network takes (b, …), class indices (b,), and which of the rows asked for (b,)."""

_Fetched = tuple[Tensor, Views]


class Pictures:
    """The pictures of a store, rendered on the machine's device."""

    def __init__(self, store: PixelStore, targets: list[int], machine: Machine) -> None:
        """`targets` are the class indices of all rows of the store's manifest."""
        self.store = store
        self.machine = machine
        self.targets = torch.tensor(targets)
        self._plain: Views | None = None

    @property
    def plain_views(self) -> Views:
        """The view that every picture is judged by."""
        if self._plain is None:
            self._plain = evaluation_views(self.store.sizes)
        return self._plain

    def judged(self, rows: Rows, batch_size: int) -> Iterator[Batch]:
        """Every one of these pictures once, in order, as it is judged."""
        pieces = pieces_of(np.arange(len(rows)), batch_size)
        inputs = self.inputs((rows[piece], self.plain_views[torch.from_numpy(rows[piece])])
                             for piece in pieces)  # fmt: skip
        for piece, seen in zip(pieces, inputs, strict=True):
            truth = self.targets[torch.from_numpy(rows[piece])]
            yield seen, truth.to(self.machine.device, non_blocking=True), torch.from_numpy(piece)

    def inputs(self, drawn: Iterable[tuple[Rows, Views]]) -> Iterator[Tensor]:
        """(b, 3, 224, 224) for each pair of rows and the views to take of them.

        Values are of the machine's arithmetic. On a GPU the next pictures are read meanwhile.
        """
        return map(self._rendered, self.machine.ahead(self._fetched, drawn))

    def input(self, rows: Rows, views: Views) -> Tensor:
        """One batch of `inputs`."""
        return self._rendered(self._fetched((rows, views)))

    def _fetched(self, drawn: tuple[Rows, Views]) -> _Fetched:
        rows, views = drawn
        return self.machine.pinned(torch.from_numpy(self.store.take(rows))), views

    def _rendered(self, fetched: _Fetched) -> Tensor:
        pixels, views = fetched
        device = self.machine.device
        return render(
            pixels.to(device, non_blocking=True),
            views.to(device),
            self.machine.dtype,
        )


def pieces_of(rows: Rows, size: int) -> list[Rows]:
    """The rows cut into pieces of `size`, the last one shorter."""
    return [rows[at : at + size] for at in range(0, len(rows), size)]
