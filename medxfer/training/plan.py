"""Strategies as plans: which stages learn, in which phase, how fast and for how long.

A strategy answers this one question; freezing, optimiser, caches and the screen derive from the
answer. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from medxfer.config import Stage, TrainConfig
from medxfer.registry import Registry


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs in which the same stages learn at the same initial learning rate."""

    name: str
    stages: tuple[Stage, ...]
    learning_rate: float
    epochs: int

    @property
    def frozen(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in Stage if stage not in self.stages)


@dataclass(frozen=True)
class Strategy:
    """A way of choosing what learns; `words` is one plain sentence for the form."""

    title: str
    words: str
    phases: Callable[[TrainConfig], tuple[Phase, ...]]


STRATEGIES: Registry[Strategy] = Registry("freezing strategy")


def plan(config: TrainConfig) -> tuple[Phase, ...]:
    """The phases of a run, in order; their epochs add up to `config.epochs`.

    Raises:
        UnknownNameError: no strategy has this name.
    """
    return STRATEGIES[config.strategy.name].phases(config)


def _one_phase(name: str, first: Stage, config: TrainConfig) -> tuple[Phase, ...]:
    return (Phase(name, first.onwards, config.optimiser.learning_rate, config.epochs),)


def _head_only(config: TrainConfig) -> tuple[Phase, ...]:
    return _one_phase("head", Stage.HEAD, config)


def _from_stage_on(config: TrainConfig) -> tuple[Phase, ...]:
    first = config.strategy.from_stage
    return _one_phase(f"{first} to head", first, config)


def _everything(config: TrainConfig) -> tuple[Phase, ...]:
    return _one_phase("everything", Stage.STEM, config)


def _progressive(config: TrainConfig) -> tuple[Phase, ...]:
    """Head first, then the last stages, then all, each time ten times slower.

    A third of the epochs each; what is left over goes to the later phases.
    """
    third, left_over = divmod(config.epochs, 3)
    return (
        Phase("head", Stage.HEAD.onwards, 1e-3, third),
        Phase("layer3 to head", Stage.LAYER3.onwards, 1e-4, third + (left_over == 2)),  # noqa: PLR2004
        Phase("everything", Stage.STEM.onwards, 1e-5, third + (left_over >= 1)),
    )


STRATEGIES.register("all")(
    Strategy(
        "Freeze all",
        "Only the new classifier learns. Fastest, and safest with very few images.",
        _head_only,
    )
)
STRATEGIES.register("partial")(
    Strategy(
        "Freeze the early stages",
        "The last stages adapt to your images, the early ones keep what they know.",
        _from_stage_on,
    )
)
STRATEGIES.register("none")(
    Strategy(
        "Freeze nothing",
        "Every layer learns. Slowest; worth it with thousands of images.",
        _everything,
    )
)
STRATEGIES.register("progressive")(
    Strategy(
        "Progressive",
        "First the classifier, then the last stages, then everything, each time more gently.",
        _progressive,
    )
)
