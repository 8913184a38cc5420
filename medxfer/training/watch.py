"""How fast it goes, how long it will take, and whether it should stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from torch import Tensor

from medxfer.events import Preparing, Progress
from medxfer.machine import Machine

_BETWEEN_REPORTS = 0.5  # seconds


class StopRequestedError(Exception):
    """The person said stop. `fit` catches it; it is not a fault."""


class PauseRequestedError(Exception):
    """The process is to end soon. Nobody saves anything on its way: what is saved is whole."""


class Preparation:
    """Turns work that is done once, perhaps in several parts, into `Preparing` events.

    Of a part, what was done by an earlier run does not count: neither as done nor as to do.
    """

    def __init__(self, step: Literal["weights", "pixels", "features"], images: int = 0) -> None:
        """`images` are those of all parts, where there are several."""
        self._step: Literal["weights", "pixels", "features"] = step
        self._after = images
        self._before = self._done = 0
        self._began: float | None = None
        self._reported = 0.0

    def report(self, done: int, total: int) -> Preparing | None:
        """So many of the missing images of this part are done; an event if one is due."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self._done = done
        if now - self._reported < _BETWEEN_REPORTS:
            return None
        self._reported = now
        done += self._before
        # Of the parts that follow, all images are taken to be missing.
        to_do = self._before + total + self._after
        rate = done / max(now - self._began, 1e-6)
        left = (to_do - done) / rate if done else None
        return Preparing(step=self._step, done=done, total=to_do, seconds_left=left)

    def next_part(self, images: int) -> None:
        """The part before is done; this one has so many images, missing or not."""
        self._before += self._done
        self._done = 0
        self._after -= images


class Watch:
    """Counts the batches of a whole fit and turns them into `Progress` events.

    Seconds left are the mean time of a batch so far times the batches to come; training and
    validation batches count alike, so the figure settles after the first epoch.
    """

    def __init__(self, machine: Machine, batches: int, should_stop: Callable[[], bool]) -> None:
        self._machine = machine
        self._should_stop = should_stop
        self._batches = batches
        self._done = 0
        self._begin = time.monotonic()
        self._reported = 0.0

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Time spent in here is not time of a batch."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self._begin += time.monotonic() - begin

    def start(self, epoch: int, step: Literal["train", "val"], batches: int) -> None:
        """Begin the training or the validation half of an epoch."""
        self._epoch, self._step, self._step_batches = epoch, step, batches
        self._step_done = self._step_images = 0
        self._step_begin = time.monotonic()

    def skip(self, batches: int) -> None:
        """Batches that were planned and will not come."""
        self._batches -= batches

    def batch_done(self, images: int, loss: Tensor | None) -> Progress | None:
        """Count a batch of this many images; a report if one is due.

        `loss` is read only for a report: reading it makes a GPU wait.

        Raises:
            StopRequestedError: the run should stop here.
        """
        self._done += 1
        self._step_done += 1
        self._step_images += images
        if self._should_stop():
            raise StopRequestedError
        now = time.monotonic()
        if now - self._reported < _BETWEEN_REPORTS:
            return None
        self._reported = now
        per_batch = (now - self._begin) / self._done
        return Progress(
            epoch=self._epoch,
            step=self._step,
            batch=self._step_done,
            batches=self._step_batches,
            loss=None if loss is None else float(loss),
            images_per_second=self._step_images / max(now - self._step_begin, 1e-6),
            memory=self._machine.memory(),
            seconds_left=max(0.0, per_batch * (self._batches - self._done)),
        )
