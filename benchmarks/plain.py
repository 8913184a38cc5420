"""The plain loop: the published recipe computed as it is written, the reference of all figures.

Every epoch decodes every file, varies it, and sends it through the whole network, the frozen part
included: float32, NCHW, ordinary AdamW, frozen batch norms in evaluation mode. It draws the same
batches and the same variations from a seed as medxfer's own loop did when this was copied.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torchvision.models import ResNet

from benchmarks.outcome import Outcome, PeakMemory
from benchmarks.plain_pictures import Batch, Training, evaluation
from medxfer.config import TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.evaluation.metrics import epoch_metrics, positive_class
from medxfer.events import Metrics
from medxfer.models.freezing import evaluating, let_learn
from medxfer.training.best import Best
from medxfer.training.loss import build_loss
from medxfer.training.optimiser import Course
from medxfer.training.plan import Phase, plan


def run_plain(model: ResNet, manifest: Manifest, config: TrainConfig) -> Outcome:
    """Fit on the train part, keep the epoch that is best on validation, judge it on the test part.

    The network is changed in place and left with the weights of the best epoch. Only the CPU is
    used; device, precision and number of loader processes of the settings are not looked at.

    Raises:
        ValueError: early stopping is asked for, which would make the epochs differ in number.
    """
    if config.early_stopping is not None:
        raise ValueError("the plain loop runs all its epochs: set early_stopping to None")
    with PeakMemory() as peak:
        seconds, judged, best = _fit(model, manifest, config)
        best.restore(model)
        test = evaluation(manifest.part(Split.TEST), config.batch_size)
        answers = _judge(model, test)
    pictures = len(manifest.part(Split.TRAIN)) * len(seconds)
    return Outcome(
        seconds=seconds,
        elapsed=list(accumulate(seconds)),
        auroc=[metrics["auroc"] for metrics in judged],
        best_epoch=best.epoch,
        test_auroc=_figures(*answers, manifest.classes)["auroc"],
        peak_memory=peak.bytes,
        images_per_second=pictures / sum(seconds),
    )


def _fit(
    model: ResNet, manifest: Manifest, config: TrainConfig
) -> tuple[list[float], list[Metrics], Best]:
    """All epochs: seconds and validation figures of each, and the best one."""
    torch.manual_seed(config.seed)
    train = manifest.part(Split.TRAIN)
    lessons = Training(train, config)
    validation = evaluation(manifest.part(Split.VALIDATION), config.batch_size)
    loss = build_loss(config, train.targets(), len(manifest.classes))
    seconds: list[float] = []
    judged: list[Metrics] = []
    best = Best(config.monitor)
    for phase in plan(config):
        let_learn(model, phase.stages)
        optimiser = _optimiser(model, phase, config)
        course = Course(optimiser, config.optimiser, len(lessons), phase.epochs)
        for _ in range(phase.epochs):
            epoch = len(judged) + 1
            begin = time.monotonic()
            _learn(model, lessons.epoch(epoch), loss, optimiser, course)
            logits, truth = _judge(model, validation)
            figures = _figures(logits, truth, manifest.classes)
            figures["loss"] = float(loss(logits, truth))
            course.after_epoch(figures)
            best.offer(epoch, figures, model)
            seconds.append(time.monotonic() - begin)
            judged.append(figures)
    return seconds, judged, best


def _learn(
    model: nn.Module,
    batches: Iterable[Batch],
    loss: nn.Module,
    optimiser: Optimizer,
    course: Course,
) -> None:
    """One pass over the training pictures."""
    for inputs, truth, _ in batches:
        cost = loss(model(inputs), truth)
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
        course.after_batch()


def _judge(model: nn.Module, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """Logits (n, k) and class indices (n,) of a part, the network in evaluation mode."""
    logits, truths = [], []
    for inputs, truth, _ in batches:
        with evaluating(model), torch.no_grad():
            logits.append(model(inputs))
        truths.append(truth)
    return torch.cat(logits), torch.cat(truths)


def _figures(logits: Tensor, truth: Tensor, classes: tuple[str, ...]) -> Metrics:
    positive = positive_class(classes) if len(classes) == 2 else 1
    numbers = logits.double().numpy().astype(np.float64)
    return epoch_metrics(truth.numpy(), numbers, positive)


def _optimiser(model: nn.Module, phase: Phase, config: TrainConfig) -> AdamW:
    """AdamW as torch takes it by itself: not fused, over the parameters that learn."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return AdamW(learning, lr=phase.learning_rate, weight_decay=config.optimiser.weight_decay)
