"""Saying what a run computes once and keeps, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from medxfer.config import Stage, TrainConfig
from medxfer.models.cost import Cost
from medxfer.training.keeping import Keeping
from medxfer.training.plan import Phase, plan
from medxfer.ui.words import count, duration, size


def statement(
    config: TrainConfig, cost: Cost, kept: Sequence[Keeping | None], forward: float
) -> str:
    """A sentence, as Markdown; where phases differ, one for each stretch of phases.

    `forward` is how fast frozen stages are computed, in multiply-adds a second.
    """
    said = [
        _sentence(phase, config.views, what, _seconds(what, cost, forward))
        for phase, what in zip(plan(config), kept, strict=True)
    ]
    if len(said) == 1:
        return said[0]
    stretches = groupby(enumerate(said, start=1), key=lambda numbered: numbered[1])
    return "\n".join(
        f"- **{_named([number for number, _ in stretch])}:** {sentence}"
        for sentence, stretch in stretches
    )


def _sentence(phase: Phase, wanted: int | None, kept: Keeping | None, seconds: float) -> str:
    if kept is None:
        return (
            "Every epoch varies the images anew and takes them through the whole network: no "
            "stage is frozen whose work could be kept."
        )
    if not kept.views:
        return (
            "Every epoch varies the images anew and takes them through the frozen stages too: "
            f"{_why_nothing(phase, wanted, kept)}."
        )
    sentence = (
        f"The frozen stages see {count(kept.views, 'view')} of each image once (about "
        f"{duration(seconds)}, {size(kept.bytes)} on the disk); after that an epoch needs only "
        "the stages that learn."
    )
    return f"{sentence} {kept.reason[0].upper()}{kept.reason[1:]}." if kept.reason else sentence


def _why_nothing(phase: Phase, wanted: int | None, kept: Keeping) -> str:
    if kept.reason:
        return kept.reason
    if wanted == 0:
        return "that was chosen under Advanced settings"
    return f"over {count(phase.epochs, 'epoch')}, keeping their work would save nothing"


def _seconds(kept: Keeping | None, cost: Cost, forward: float) -> float:
    """How long the frozen stages take for all they see once."""
    if kept is None:
        return 0.0
    stages = tuple(Stage)
    frozen = stages[: stages.index(kept.first)]
    return kept.images * sum(cost.operations_by_stage[stage] for stage in frozen) / forward


def _named(phases: Sequence[int]) -> str:
    numbers = " and ".join(map(str, phases))
    return f"Phase {numbers}" if len(phases) == 1 else f"Phases {numbers}"
