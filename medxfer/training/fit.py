"""The training loop. It yields events; whoever runs it decides what becomes of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from medxfer.cache.room import CacheRoom
from medxfer.config import TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.errors import EvaluationError, TrainingError
from medxfer.evaluation.metrics import epoch_metrics
from medxfer.evaluation.pictures import Batch
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.predict import predicting
from medxfer.events import EpochFinished, Event, Fitted, Metrics, Note, PhaseStarted, Progress
from medxfer.machine import Machine
from medxfer.models.freezing import let_learn
from medxfer.training.best import Best
from medxfer.training.lessons import Lessons
from medxfer.training.loss import build_loss
from medxfer.training.optimiser import Course, build_optimiser
from medxfer.training.plan import plan
from medxfer.training.step import Step
from medxfer.training.watch import StopRequestedError, Watch

Answers = tuple[Tensor, Tensor]
"""Logits (n, k) and class indices (n,) of a pass over n pictures."""

TWO_CLASSES = 2
HALVED = (
    "The memory of the device was too small for a whole batch: from here on each batch is taken in "
    "two halves whose gradients are added. Batch norm sees half as many images at a time."
)


def fit(
    model: ResNet,
    manifest: Manifest,
    config: TrainConfig,
    machine: Machine,
    room: CacheRoom,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Teach the network on the train part; keep the epoch that is best on the validation part.

    The network, already on the machine's device, is changed in place: while the caller holds an
    `EpochFinished` it has the weights of that epoch, after `Fitted` or an error those of the best
    one (the latest, if no epoch was best). The test part is not looked at. What is computed once,
    decoded images and the features of frozen stages, is kept in `room`. `should_stop` is asked
    after every batch.

    Raises:
        TrainingError: the loss is no longer a finite number.
        DataError, ImageError: a file changed or can no longer be read.
    """
    torch.manual_seed(config.seed)
    targets = manifest.part(Split.TRAIN).targets()
    loss = build_loss(config, targets, len(manifest.classes)).to(machine.device)
    figures = partial(_figures, loss, manifest.classes, config.positive)
    best = Best(config.monitor)
    reason: Literal["completed", "early_stopping", "stop_requested"] = "completed"
    epoch = 0
    with closing(Lessons(model, manifest, config, machine, room, should_stop)) as lessons:
        watch = Watch(machine, config.epochs * lessons.batches_an_epoch, should_stop)
        try:
            for number, phase in enumerate(plan(config)):
                yield PhaseStarted(phase=number, epoch=epoch + 1)
                let_learn(model, phase.stages)
                with watch.set_aside():
                    yield from lessons.begin(phase)
                optimiser = build_optimiser(model, phase, config.optimiser)
                course = Course(optimiser, config.optimiser, lessons.train_batches, phase.epochs)
                step = Step(lessons.network, loss, optimiser, machine)
                since_better, reason = 0, "completed"
                for epochs_left in reversed(range(phase.epochs)):
                    epoch += 1
                    begin = time.monotonic()
                    rate = course.learning_rate
                    watch.start(epoch, "train", lessons.train_batches)
                    with closing(lessons.train(epoch)) as batches:
                        answers = yield from _learn(step, batches, course, watch)
                    learned = figures(*answers)
                    _require_finite(learned["loss"], rate)
                    watch.start(epoch, "val", lessons.judged_batches(Split.VALIDATION))
                    answers = yield from _judge(lessons, manifest, machine, watch, rate)
                    judged = figures(*answers)
                    course.after_epoch(judged)
                    better = best.offer(epoch, judged, model)
                    since_better = 0 if better else since_better + 1
                    yield EpochFinished(
                        epoch=epoch,
                        phase=number,
                        learning_rate=rate,
                        train=learned,
                        validation=judged,
                        seconds=time.monotonic() - begin,
                        best=better,
                    )
                    if epochs_left and since_better == config.early_stopping:
                        watch.skip(epochs_left * lessons.batches_an_epoch)
                        reason = "early_stopping"
                        break
        except StopRequestedError:
            reason = "stop_requested"
        except Exception:
            best.restore(model)  # for whoever catches it and wants to save something
            raise
    if best.epoch is None:
        yield Note(
            level="warning",
            text=f"No epoch was completed with a validation {config.monitor} to be judged by: "
            "the latest weights are kept.",
        )
    best.restore(model)
    yield Fitted(reason=reason, best_epoch=best.epoch, validation=best.validation)


def _learn(
    step: Step, batches: Iterable[Batch], course: Course, watch: Watch
) -> Generator[Progress | Note, None, Answers]:
    """One pass over the training pictures; the answers given on the way."""
    answers: list[Tensor] = []
    truths: list[Tensor] = []
    halved = step.halved
    for inputs, truth, _ in batches:
        logits, cost = step(inputs, truth)
        course.after_batch()
        answers.append(logits)
        truths.append(truth)
        if step.halved and not halved:
            halved = True
            yield Note(level="warning", text=HALVED)
        if progress := watch.batch_done(len(truth), cost):
            _require_finite(progress.loss, course.learning_rate)
            yield progress
    return torch.cat(answers), torch.cat(truths)


def _judge(
    lessons: Lessons, manifest: Manifest, machine: Machine, watch: Watch, learning_rate: float
) -> Generator[Progress, None, Answers]:
    """One pass over the validation pictures, in evaluation mode."""
    part = manifest.part(Split.VALIDATION)
    steps = predicting(lessons.network, part, lessons.judged(Split.VALIDATION), machine)
    before = 0
    while True:
        try:
            done = next(steps)
        except EvaluationError as error:
            raise _diverged(learning_rate) from error
        except StopIteration as end:
            logits, truth = end.value.logits, end.value.truth
            return (
                torch.from_numpy(logits).float().to(machine.device),
                torch.from_numpy(truth).to(machine.device),
            )
        if progress := watch.batch_done(done - before, None):
            yield progress
        before = done


@torch.no_grad()
def _figures(
    loss: nn.Module,
    classes: tuple[str, ...],
    finding: str | None,
    logits: Tensor,
    truth: Tensor,
) -> Metrics:
    """The loss and the figures of an epoch, over all its images at once."""
    value = float(loss(logits, truth))
    positive = positive_class(classes, finding) if len(classes) == TWO_CLASSES else 1
    figures = epoch_metrics(truth.cpu().numpy(), logits.double().cpu().numpy(), positive)
    return {"loss": value if math.isfinite(value) else None} | figures


def _require_finite(loss: float | None, learning_rate: float) -> None:
    if loss is None or not math.isfinite(loss):
        raise _diverged(learning_rate)


def _diverged(learning_rate: float) -> TrainingError:
    return TrainingError(
        "Training diverged: the loss is no longer a number. An earlier best epoch is kept.",
        f"The learning rate was {learning_rate:g}; try a tenth of it.",
    )
