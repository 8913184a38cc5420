"""Comparing candidates for copies: the small pictures in memory first, then in fine detail."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from medxfer.audit.agreement import CLOSE, GLANCE, agreement
from medxfer.audit.appearance import Appearance
from medxfer.audit.descriptor import squeezed
from medxfer.audit.measures import Floats, grey
from medxfer.audit.registration import NO_CHANGE, align, refine
from medxfer.audit.search import Candidates
from medxfer.cache.shelf import Rows
from medxfer.data.pixel_store import PixelStore

_WORTH_A_LOOK = 0.4
"""Share of agreeing patches of the small pictures. Measured: 99 % of copies have 0.6 and more; of
the candidates among chests, 3 in 1,000 that are no copies have 0.4."""


@dataclass(frozen=True)
class Copies:
    """Pairs found to be one picture, all arrays (n,) in the same order."""

    first: Rows
    second: Rows
    """Places in the appearance."""
    mirrored: npt.NDArray[np.bool_]
    score: Floats
    """Share of agreeing patches, about `agreement.ONE_PICTURE` to 1."""
    position: Floats
    """Where the second lies in the first, (n, 4), as in `registration.align`."""
    covered: npt.NDArray[np.bool_]
    """Something was written over one of them."""
    brightness: Floats
    """Of the second less that of the first, grey levels."""

    def __len__(self) -> int:
        return len(self.first)

    def chosen(self, which: Rows) -> Copies:
        """The pairs at these places."""
        return Copies(**{each.name: getattr(self, each.name)[which] for each in fields(self)})


def compare(appearance: Appearance, store: PixelStore, pairs: Candidates) -> Copies:
    """Those of these candidates that are one picture.

    Raises:
        CacheError: the pixels were removed from the cache meanwhile.
    """
    thumbs = appearance.thumbs
    first = _turned(thumbs[pairs.first].astype(np.float32), pairs.mirrored)
    second = thumbs[pairs.second].astype(np.float32)
    position = align(first, second)
    left = agreement(first, second, position, GLANCE).share > _WORTH_A_LOOK
    pairs, position = pairs.chosen(left), position[left]
    one, two = _squares(appearance, store, pairs)
    position = refine(one, two, position)
    found = agreement(one, two, position, CLOSE)
    copies = Copies(
        pairs.first, pairs.second, pairs.mirrored,
        found.share, position, found.covered, found.brightness,
    )  # fmt: skip
    return copies.chosen(np.flatnonzero(found.same))


def together(found: list[Copies]) -> Copies:
    """All of them; a pair found both as it is and mirrored counts the better way."""
    columns: dict[str, Any] = {
        each.name: np.concatenate([getattr(copies, each.name) for copies in (_none(), *found)])
        for each in fields(Copies)
    }
    copies = Copies(**columns)
    order = np.lexsort((copies.mirrored, -copies.score))
    pairs = np.stack([copies.first[order], copies.second[order]], axis=1)
    return copies.chosen(order[np.unique(pairs, axis=0, return_index=True)[1]])


def _none() -> Copies:
    rows = np.zeros(0, dtype=np.int64)
    flags, numbers = np.zeros(0, dtype=bool), np.zeros(0, dtype=np.float32)
    return Copies(
        rows, rows, flags, numbers, np.zeros((0, len(NO_CHANGE)), np.float32), flags, numbers
    )


def _squares(appearance: Appearance, store: PixelStore, pairs: Candidates) -> tuple[Floats, Floats]:
    """The pictures of these pairs, (n, side, side) each, the first turned as the pair wants."""
    places, where = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    squares = np.empty((len(places), CLOSE.side, CLOSE.side), dtype=np.float32)
    for number, row in enumerate(appearance.rows[places]):
        squares[number] = squeezed(grey(store.take(np.array([row]))[0]), CLOSE.side)
    one, two = squares[where].reshape(2, len(pairs), CLOSE.side, CLOSE.side)
    return _turned(one, pairs.mirrored), two


def _turned(pictures: Floats, which: npt.NDArray[np.bool_]) -> Floats:
    return np.where(which[:, np.newaxis, np.newaxis], pictures[:, :, ::-1], pictures)
