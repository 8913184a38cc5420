"""How many views of each training image a phase keeps behind its frozen stages."""

from __future__ import annotations

from dataclasses import dataclass

from medxfer.config import Stage
from medxfer.models.cost import Cost
from medxfer.training.plan import Phase

USUAL_VIEWS = 4
"""Varied copies of an image: fewer cost accuracy, more cost time (see benchmarks/results)."""
_NO_ROOM = "there is too little room on the disk to keep features"
_FEWEST = 2
"""With a single view the network would see the very same picture in every epoch."""


@dataclass(frozen=True)
class Keeping:
    """What is computed once for a phase and kept: features of `views` views of each training
    image (0: none, they are varied anew in every epoch) and of every validation image."""

    first: Stage
    """The first stage that learns; those before it are the frozen prefix."""
    views: int
    images: int
    """Passes through the prefix, views counted; 0: there is no room even for validation."""
    bytes: int
    reason: str = ""
    """Why fewer views than usual are kept, if so."""


def keeping(
    phase: Phase,
    cost: Cost,
    train: int,
    validation: int,
    wanted: int | None,
    limit: float,
    bytes_a_value: int,
) -> Keeping | None:
    """What to keep in a phase; None if nothing is frozen in front.

    `train` and `validation` are numbers of images, `wanted` the views asked for (None: as many as
    pay), `limit` the bytes that may be used, `bytes_a_value` the size of one number.
    """
    first = phase.stages[0]
    if first is Stage.STEM:
        return None
    each = cost.values_before[first] * bytes_a_value
    if validation * each > limit:
        return Keeping(first, 0, 0, 0, _NO_ROOM)
    views, reason = _views(phase.epochs, train, each, wanted, limit - validation * each)
    images = views * train + validation
    return Keeping(first, views, images, images * each, reason)


def _views(epochs: int, train: int, each: int, wanted: int | None, limit: float) -> tuple[int, str]:
    views = USUAL_VIEWS if wanted is None else wanted
    if wanted is None and epochs <= USUAL_VIEWS:
        return 0, ""  # as many passes as keeping them would take, and every epoch its own pictures
    views = min(views, epochs)  # no epoch would see the rest
    room = int(max(limit, 0) // max(train * each, 1))
    if room >= views:
        return views, ""
    if wanted is None and room < _FEWEST:
        return 0, _NO_ROOM
    return room, f"there is room on the disk for {room} of {views}"
