"""What a trained network says of a split, through the features its run has computed anyway."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing

from torchvision.models import ResNet

from medxfer.cache.room import CacheRoom
from medxfer.config import Stage, TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.evaluation.predict import predicting
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Event
from medxfer.machine import Machine
from medxfer.training.lessons import Lessons
from medxfer.training.watch import StopRequestedError


def judge(
    model: ResNet,
    manifest: Manifest,
    split: Split,
    first: Stage,
    config: TrainConfig,
    machine: Machine,
    room: CacheRoom,
    give_up: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, Predictions | None]:
    """Predictions for a split, None if it has no images or it was time to give up.

    `first` is the stage from which on the network learned: what the stages before it make of the
    images is taken from the cache, or kept there for the next run.

    Raises:
        DataError, ImageError: a file changed or can no longer be read.
        EvaluationError: the network gave a number that is not finite.
    """
    part = manifest.part(split)
    if not len(part) or give_up():
        return None
    with closing(Lessons(model, manifest, config, machine, room, give_up)) as lessons:
        try:
            yield from lessons.prepare(split, first)
        except StopRequestedError:
            return None
        steps = predicting(lessons.network, part, lessons.judged(split), machine)
        while not give_up():
            try:
                next(steps)
            except StopIteration as end:
                predictions: Predictions = end.value
                return predictions
    return None
