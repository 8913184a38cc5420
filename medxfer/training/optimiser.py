"""What moves the weights of a phase: AdamW and the course of its learning rate."""

from __future__ import annotations

import math

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from medxfer.config import OptimiserConfig, Schedule, Settings
from medxfer.events import Metrics
from medxfer.training.plan import Phase


class CourseState(Settings):
    """Where the learning rate of a phase stands."""

    learning_rate: float
    steps: int
    """Batches done with the cosine, epochs with the plateau."""
    lowest: float | None = None
    """The validation loss to be beaten; None: none yet, or not asked for."""
    no_better: int = 0
    """Epochs since it was."""


class Course:
    """The learning rate over a phase: it is told when a batch and an epoch are done."""

    def __init__(
        self, optimiser: Optimizer, config: OptimiserConfig, steps: int, epochs: int
    ) -> None:
        self._optimiser = optimiser
        self._plateau: ReduceLROnPlateau | None = None
        self._cosine: LambdaLR | None = None
        if config.schedule is Schedule.PLATEAU:
            self._plateau = ReduceLROnPlateau(
                optimiser, factor=config.factor, patience=config.patience
            )
        else:
            warm = min(config.warmup_epochs, epochs - 1) * steps
            self._cosine = LambdaLR(optimiser, lambda step: cosine(step, warm, steps * epochs))

    @property
    def learning_rate(self) -> float:
        return float(self._optimiser.param_groups[0]["lr"])

    def state(self) -> CourseState:
        """Where the course stands."""
        if self._cosine:
            return CourseState(learning_rate=self.learning_rate, steps=self._cosine.last_epoch)
        assert self._plateau is not None  # noqa: S101  (there are two schedules)
        lowest = float(self._plateau.best)
        return CourseState(
            learning_rate=self.learning_rate,
            steps=self._plateau.last_epoch,
            lowest=lowest if math.isfinite(lowest) else None,
            no_better=self._plateau.num_bad_epochs,
        )

    def go_on_from(self, state: CourseState) -> None:
        """Stand where `state` was taken."""
        for group in self._optimiser.param_groups:
            group["lr"] = state.learning_rate
        if self._cosine:
            self._cosine.last_epoch = state.steps
        if self._plateau:
            self._plateau.last_epoch = state.steps
            self._plateau.best = math.inf if state.lowest is None else state.lowest
            self._plateau.num_bad_epochs = state.no_better

    def after_batch(self) -> None:
        if self._cosine:
            self._cosine.step()

    def after_epoch(self, validation: Metrics) -> None:
        if self._plateau and (loss := validation["loss"]) is not None:
            self._plateau.step(loss)


def cosine(step: int, warm: int, total: int) -> float:
    """Factor on the learning rate: linear up to 1 over `warm` steps, then half a cosine to 0.

    Loshchilov and Hutter 2017 (SGDR), without restarts. `step` counts from 0 to `total`.
    """
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))


def build_optimiser(model: nn.Module, phase: Phase, config: OptimiserConfig) -> AdamW:
    """AdamW over the parameters that learn now, at the phase's learning rate.

    Fused: one pass over the parameters instead of a dozen, on CPUs as on GPUs.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return AdamW(
        learning,
        lr=phase.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
