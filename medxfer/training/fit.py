"""The training loop. It yields events; whoever runs it decides what becomes of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from medxfer.cache.room import CacheRoom
from medxfer.config import TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.errors import EvaluationError, MedxferError, TrainingError, WeightsError
from medxfer.evaluation.metrics import epoch_metrics
from medxfer.evaluation.pictures import Batch
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.predict import predicting
from medxfer.events import EpochFinished, Event, Fitted, Metrics, Note, PhaseStarted, Progress
from medxfer.machine import Machine
from medxfer.models.freezing import all_finite, let_learn
from medxfer.training.best import Best
from medxfer.training.lessons import Lessons
from medxfer.training.loss import build_loss
from medxfer.training.optimiser import Course, build_optimiser
from medxfer.training.plan import Phase, plan
from medxfer.training.saves import Saves
from medxfer.training.state import State, draw_on_from, put_back, put_network_back, taken
from medxfer.training.step import Step
from medxfer.training.watch import PauseRequestedError, StopRequestedError, Watch

Answers = tuple[Tensor, Tensor]
"""Logits (n, k) and class indices (n,) of a pass over n pictures."""

Reason = Literal["completed", "early_stopping", "stop_requested"]
"""Why a phase, or the fit, ended."""

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
    saves: Saves | None = None,
    state: State | None = None,
) -> Iterator[Event]:
    """Teach the network on the train part; keep the epoch that is best on the validation part.

    The network, already on the machine's device, is changed in place: while the caller holds an
    `EpochFinished` it has the weights of that epoch, after `Fitted` or an error those of the best
    one (the latest, if no epoch was best). The test part is not looked at. What is computed once,
    decoded images and the features of frozen stages, is kept in `room`. `should_stop` is asked
    after every batch; what it raises ends the fit.

    Where learning stands goes to `saves` after an `EpochFinished` was taken. From a `state` it goes
    on as if it had never been interrupted: on a CPU with the same number of threads to the same
    weights, bit for bit.

    Raises:
        TrainingError: the loss or a weight is no longer a finite number.
        DataError, ImageError: a file changed or can no longer be read.
        WeightsError: the state is not one of this network.
        OSError: the disk refused to save.
    """
    torch.manual_seed(config.seed)
    if state:
        put_network_back(state, model)
    with closing(Lessons(model, manifest, config, machine, room, should_stop)) as lessons:
        fitting = _Fit(model, manifest, config, machine, lessons, saves)
        yield from fitting.all_phases(should_stop, state)


class _Fit:
    """One fit: what all its phases share."""

    def __init__(
        self,
        model: ResNet,
        manifest: Manifest,
        config: TrainConfig,
        machine: Machine,
        lessons: Lessons,
        saves: Saves | None,
    ) -> None:
        self._model, self._manifest, self._config = model, manifest, config
        self._machine, self._lessons, self._saves = machine, lessons, saves
        targets = manifest.part(Split.TRAIN).targets()
        self._loss = build_loss(config, targets, len(manifest.classes)).to(machine.device)
        self._figures = partial(_figures, self._loss, manifest.classes, config.positive)
        self._best = Best(config.monitor)
        self._epoch = 0

    def all_phases(
        self, should_stop: Callable[[], bool], state: State | None
    ) -> Generator[Event, None, None]:
        phases, best = plan(self._config), self._best
        first, to_come = 0, sum(phase.epochs for phase in phases)
        if state:
            now = state.standing
            first, self._epoch = now.phase, now.epoch
            best.go_on_from(now.best_epoch, now.best_validation, state.best)
            to_come = sum(phase.epochs for phase in phases[first:]) - now.done
        batches = to_come * self._lessons.batches_an_epoch
        self._watch = Watch(self._machine, batches, should_stop)
        reason: Reason = "completed"
        try:
            for number, phase in enumerate(phases[first:], first):
                reason = yield from self._phase(number, phase, state)
                state = None
        except StopRequestedError:
            reason = "stop_requested"
        except PauseRequestedError:
            raise
        except Exception:
            self._keep_best()
            with suppress(RuntimeError):  # the device may be what was lost
                best.restore(self._model)  # for whoever catches it and wants to save something
            raise
        if best.epoch is None:
            yield Note(
                level="warning",
                text=f"No epoch was completed with a validation {self._config.monitor} to be "
                "judged by: the latest weights are kept.",
            )
        best.restore(self._model)
        yield Fitted(reason=reason, best_epoch=best.epoch, validation=best.validation)

    def _phase(
        self, number: int, phase: Phase, state: State | None
    ) -> Generator[Event, None, Reason]:
        """One phase, from its beginning or from where the state stands in it."""
        config, model, lessons, watch = self._config, self._model, self._lessons, self._watch
        done = since_better = 0
        if state:
            draw_on_from(state)
            done, since_better = state.standing.done, state.standing.since_better
            if done == phase.epochs:
                return "completed"
        else:
            yield PhaseStarted(phase=number, epoch=self._epoch + 1)
        if since_better == config.early_stopping:
            watch.skip((phase.epochs - done) * lessons.batches_an_epoch)
            return "early_stopping"
        let_learn(model, phase.stages)
        with watch.set_aside():
            yield from lessons.begin(phase)
        optimiser = build_optimiser(model, phase, config.optimiser)
        course = Course(optimiser, config.optimiser, lessons.train_batches, phase.epochs)
        halved = state is not None and state.standing.halved
        step = Step(lessons.network, self._loss, optimiser, self._machine, halved=halved)
        if state:
            put_back(state, model, optimiser)
            course.go_on_from(state.standing.course)
            draw_on_from(state)
        for epochs_left in reversed(range(phase.epochs - done)):
            better = yield from self._one_epoch(number, step, course)
            done, since_better = done + 1, 0 if better else since_better + 1
            if self._saves and self._saves.due:
                now = taken(model, optimiser, course, step, self._best, self._epoch, number, done,
                            since_better)  # fmt: skip
                try:
                    self._saves.keep(now)
                except WeightsError as error:  # not finite: the run would come to this again
                    raise TrainingError(error.problem, error.remedy) from error
            if epochs_left and since_better == config.early_stopping:
                watch.skip(epochs_left * lessons.batches_an_epoch)
                return "early_stopping"
        return "completed"

    def _one_epoch(self, number: int, step: Step, course: Course) -> Generator[Event, None, bool]:
        """Learn from every training picture, and judge; whether it is the best so far."""
        lessons, watch = self._lessons, self._watch
        self._epoch += 1
        begin = time.monotonic()
        rate = course.learning_rate
        watch.start(self._epoch, "train", lessons.train_batches)
        with closing(lessons.train(self._epoch)) as batches:
            answers = yield from _learn(step, batches, course, watch, self._machine)
        learned = self._figures(*answers)
        _require_finite(learned["loss"], rate)
        if not all_finite(self._model):
            raise _diverged(rate)
        watch.start(self._epoch, "val", lessons.judged_batches(Split.VALIDATION))
        answers = yield from _judge(lessons, self._manifest, self._machine, watch, rate)
        judged = self._figures(*answers)
        course.after_epoch(judged)
        better = self._best.offer(self._epoch, judged, self._model)
        yield EpochFinished(
            epoch=self._epoch,
            phase=number,
            learning_rate=rate,
            train=learned,
            validation=judged,
            seconds=time.monotonic() - begin,
            best=better,
        )
        return better

    def _keep_best(self) -> None:
        """Keep the best epoch, if saving it was put off; this fit has ended early anyway."""
        best = self._best
        if self._saves and best.epoch is not None and best.weights is not None:
            with suppress(OSError, MedxferError):
                self._saves.keep_best(best.epoch, best.weights)


def _learn(
    step: Step, batches: Iterable[Batch], course: Course, watch: Watch, machine: Machine
) -> Generator[Progress | Note, None, Answers]:
    """One pass over the training pictures; the answers given on the way."""
    answers: list[Tensor] = []
    truths: list[Tensor] = []
    halved = step.halved
    # Once one loss is not finite the sum never is again. Reading it makes a GPU wait.
    summed = torch.zeros((), device=machine.device)
    for inputs, truth, _ in batches:
        logits, cost = step(inputs, truth)
        course.after_batch()
        answers.append(logits)
        truths.append(truth)
        if step.halved and not halved:
            halved = True
            yield Note(level="warning", text=HALVED)
        summed += cost
        progress = watch.batch_done(len(truth), cost)
        if progress or machine.device.type == "cpu":
            _require_finite(float(summed), course.learning_rate)
        if progress:
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
        "Training diverged: the loss or a weight is no longer a number. What was saved before is "
        "kept.",
        f"The learning rate was {learning_rate:g}; try a tenth of it, {learning_rate / 10:g}.",
    )
