"""Choosing what learns: the strategies, and their phases as a picture."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from medxfer.config import Stage, StrategyConfig, TrainConfig
from medxfer.models.cost import Cost
from medxfer.training.plan import STRATEGIES, plan
from medxfer.ui.theme import colours
from medxfer.ui.words import count, short

_FIRST_STAGES = {
    Stage.LAYER4: "layer4 (default)",
    Stage.LAYER3: "layer3 (milder)",
    Stage.LAYER2: "layer2",
    Stage.LAYER1: "layer1",
}
_ROW_HEIGHT = 40
_AXIS_AND_LEGEND_HEIGHT = 110


def choose_strategy() -> StrategyConfig:
    """The strategy and, for partial freezing, its first learning stage."""
    name = st.radio(
        "What should learn?",
        list(STRATEGIES),
        index=list(STRATEGIES).index("partial"),
        format_func=lambda name: STRATEGIES[name].title,
        captions=[STRATEGIES[name].words for name in STRATEGIES],
        key="strategy",
        help="Frozen stages keep their weights (and their batch-norm statistics); the others are "
        "fine-tuned.",
    )
    chosen = name or "partial"
    if chosen != "partial":
        return StrategyConfig(name=chosen)
    first = st.segmented_control(
        "First stage that learns",
        list(_FIRST_STAGES),
        default=Stage.LAYER4,
        required=True,
        format_func=_FIRST_STAGES.__getitem__,
        key="from-stage",
    )
    return StrategyConfig(name=chosen, from_stage=Stage(first or Stage.LAYER4))


def draw_plan(config: TrainConfig, cost: Cost) -> None:
    """The phases: which stages learn, how many parameters that is, how fast, for how long."""
    table = plan_table(config, cost)
    phases = len(table["Phase"].unique())
    st.vega_lite_chart(table, _diagram(phases), alt="Which stages learn in which phase")
    lines = []
    for number, phase in enumerate(plan(config), start=1):
        learning = sum(cost.by_stage[stage] for stage in phase.stages)
        share = learning / cost.parameters
        lines.append(
            f"{number}. {count(phase.epochs, 'epoch')}: {short(learning)} of "
            f"{short(cost.parameters)} parameters learn ({share:.0%}) at a learning rate of "
            f"{phase.learning_rate:g}"
        )
    st.caption("\n".join(lines))


def plan_table(config: TrainConfig, cost: Cost) -> pd.DataFrame:
    """One row a phase and stage: does it learn, and how many parameters it has."""
    return pd.DataFrame(
        [
            {
                "Phase": f"Phase {number}",
                "Stage": str(stage),
                "State": "learns" if stage in phase.stages else "frozen",
                "Parameters": short(cost.by_stage[stage]),
            }
            for number, phase in enumerate(plan(config), start=1)
            for stage in Stage
        ]
    )


def _diagram(phases: int) -> dict[str, object]:
    theme = colours()
    where = {
        "x": {
            "field": "Stage",
            "type": "nominal",
            "sort": [str(stage) for stage in Stage],
            "axis": {"orient": "top", "title": None, "labelAngle": 0, "ticks": False},
        },
        "y": {
            "field": "Phase",
            "type": "nominal",
            "axis": {"title": None, "ticks": False, "labels": phases > 1},
        },
    }
    learns = {"condition": {"test": "datum.State == 'learns'", "value": theme.background}}
    return {
        "height": phases * _ROW_HEIGHT + _AXIS_AND_LEGEND_HEIGHT,
        "encoding": where,
        "layer": [
            {
                "mark": {
                    "type": "rect",
                    "cornerRadius": 5,
                    "stroke": theme.background,
                    "strokeWidth": 4,
                },
                "encoding": {
                    "color": {
                        "field": "State",
                        "type": "nominal",
                        "scale": {
                            "domain": ["learns", "frozen"],
                            "range": [theme.accent, theme.faint],
                        },
                        "legend": {"orient": "bottom", "title": None},
                    },
                    "tooltip": [{"field": name} for name in ("Stage", "State", "Parameters")],
                },
            },
            {
                "mark": {"type": "text", "fontSize": 12},
                "encoding": {
                    "text": {"field": "Parameters"},
                    "color": {**learns, "value": theme.text},
                },
            },
        ],
    }
