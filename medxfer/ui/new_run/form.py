"""The form of a new run, step by step, and the settings it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from medxfer.config import StrategyConfig, TrainConfig
from medxfer.data.library import DatasetInfo
from medxfer.evaluation.positive import positive_class
from medxfer.models.cost import Cost, Estimate
from medxfer.models.weights.load import NONE
from medxfer.paths import Workspace
from medxfer.ui.audit.line import draw_if_serious
from medxfer.ui.data.choice import choose_dataset, synthetic_badge
from medxfer.ui.data.warnings import draw_unknown_patients
from medxfer.ui.new_run.advanced import (
    choose_head,
    choose_images,
    choose_learning,
    choose_machine,
)
from medxfer.ui.new_run.costs import costs, keepings, needs
from medxfer.ui.new_run.depth import choose_depth, draw_depths
from medxfer.ui.new_run.here import here
from medxfer.ui.new_run.kept import statement
from medxfer.ui.new_run.strategy import choose_strategy, draw_plan
from medxfer.ui.new_run.weights import choose_weights
from medxfer.ui.words import count, plain

WEIGHTS_MISSING = "?"
"""Stands in the settings while the person has not said which file or run."""
_PROGRESSIVE_PHASES = 3
_TWO = 2
_FREEZING = ("all", "partial")


@dataclass(frozen=True)
class Chosen:
    """What the form stands for: the data set, the settings, and what they cost here.

    `need` is None where the device cannot be used, so that nothing is known of its speed.
    """

    info: DatasetInfo
    config: TrainConfig
    cost: Cost
    need: Estimate | None


def draw_form(place: Workspace, infos: list[DatasetInfo]) -> Chosen:
    """Draw every step; what stands chosen.

    Raises:
        ConfigError: the settings do not go together.
    """
    # The table of costs and the plan stand beside the first choices, the settings they follow
    # from further down: places are kept for them.
    st.subheader("1 · Images")
    info = choose_dataset(infos)
    _say_images(place, info)
    finding = _choose_finding(info)
    st.subheader("2 · Network")
    depth = choose_depth()
    depths = st.container()
    weights = choose_weights(place, depth)
    st.subheader("3 · Learning")
    strategy = choose_strategy()
    if weights == NONE and strategy.name in _FREEZING:
        st.warning(
            "Random weights that are frozen cannot learn image features. Choose “Freeze nothing” "
            "or pretrained weights.",
            icon=":material/warning:",
        )
    diagram = st.container()
    fields = {
        "data": info.name,
        "positive": finding,
        "depth": depth,
        "weights": weights or WEIGHTS_MISSING,
        "strategy": strategy,
        "epochs": _choose_epochs(strategy),
        "note": st.text_input(
            "Note", max_chars=200, key="note", placeholder="Your own words about this run"
        ),
    }
    config = TrainConfig.parse(fields | _advanced())
    counted = costs(config.head, len(info.classes))
    cost, computer = counted[depth], here(place, config)
    with depths:
        draw_depths(config, info, counted, computer)
    with diagram:
        draw_plan(config, cost)
        if computer:
            kept = keepings(cost, config, info, computer)
            st.caption(statement(config, cost, kept, computer.speed.forward))
    return Chosen(info, config, cost, needs(cost, config, info, computer) if computer else None)


def _say_images(place: Workspace, info: DatasetInfo) -> None:
    synthetic_badge(info)
    draw_unknown_patients(info, "the figures of this run")
    draw_if_serious(place, info)
    parts = [
        f"{count(info.splits.get('train', 0), 'image')} to learn from",
        f"{count(info.splits.get('val', 0), 'image')} to choose the best epoch",
        f"{count(info.splits.get('test', 0), 'image')} kept for the test",
        count(len(info.classes), "class", "classes"),
    ]
    st.caption(" · ".join(parts))


def _choose_finding(info: DatasetInfo) -> str | None:
    """Of two classes the one that is looked for; nothing to ask with more."""
    if len(info.classes) != _TWO:
        return None
    guess = info.classes[positive_class(info.classes)]
    return st.segmented_control(
        "The finding that is looked for (positive class)", info.classes, default=guess,
        required=True, key=f"finding-{info.name}", format_func=plain,
        help="Sensitivity is the share of images with it that are found, specificity the share of "
        "the others that are spared.",
    )  # fmt: skip


def _choose_epochs(strategy: StrategyConfig) -> int:
    fewest = _PROGRESSIVE_PHASES if strategy.name == "progressive" else 1
    return st.number_input(
        "Epochs", fewest, 1000, 15, key=f"epochs-{fewest}",
        help="How often the network sees every training image.",
    )  # fmt: skip


def _advanced() -> dict[str, Any]:
    with st.expander("Advanced settings"):
        st.caption("The defaults follow the published recipe; a first run needs none of these.")
        head = choose_head()
        st.divider()
        learning = choose_learning()
        st.divider()
        images = choose_images()
        st.divider()
        return {"head": head, **learning, **images, **choose_machine()}
