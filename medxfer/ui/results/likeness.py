"""How much heatmaps change as the network's weights are destroyed, as a figure and a table."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from medxfer.evaluation.estimate import Estimate
from medxfer.reports.blocks import interval
from medxfer.runs.worth import ALIKE, Checks
from medxfer.ui.theme import MUTED, SERIES

_WIDTH = 480
"""Pixels the stamp is broken to; the page may give the figure more."""
_HEIGHT = 360


def steps(checks: Checks) -> list[str]:
    """Which stages have random weights at each step, in words."""
    stages = list(checks.likeness)
    words = [
        stage if place == 0 else f"{stages[0]} to {stage}" for place, stage in enumerate(stages)
    ]
    return [*words[:-1], f"{words[-1]} (all)"] if words else []


def likeness_table(checks: Checks) -> pd.DataFrame:
    """A row a step: what is random, and how like the real maps are, with interval."""
    return pd.DataFrame(
        {
            "Weights made random": steps(checks),
            "Likeness (95 % interval)": [interval(one, 2) for one in checks.likeness.values()],
        }
    )


def likeness_figure(checks: Checks) -> go.Figure:
    """Likeness to the real maps by step, from 1 for none destroyed, with 95 % intervals."""
    rows = [_ends(one) for one in checks.likeness.values()]
    values = [value for value, _, _ in rows]
    up, down = [high - value for value, _, high in rows], [value - low for value, low, _ in rows]
    figure = go.Figure()
    figure.add_scatter(
        x=["none", *steps(checks)], y=[1.0, *values], mode="markers+lines",
        marker={"color": SERIES[0], "size": 10}, line={"color": SERIES[0], "width": 1},
        error_y={
            "type": "data", "symmetric": False, "color": SERIES[0], "thickness": 1.5, "width": 4,
            "array": [0.0, *up], "arrayminus": [0.0, *down],
        },
        hovertemplate="random: %{x}<br>likeness %{y:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(
        y=ALIKE, line={"color": MUTED, "width": 1.5, "dash": "dot"},
        annotation_text=f"limit with all stages random: {ALIKE:g}", annotation_position="top right",
    )  # fmt: skip
    figure.update_xaxes(title="stages whose weights are random", tickangle=-30)
    figure.update_yaxes(
        title="likeness to the real maps<br>(rank correlation, −1 to 1)",
        range=[min(-0.25, *(low for _, low, _ in rows)) - 0.05, 1.05],
    )
    figure.update_layout(
        width=_WIDTH, height=_HEIGHT, margin={"l": 75, "r": 15, "t": 20, "b": 110}, showlegend=False
    )
    return figure


def _ends(figure: Estimate) -> tuple[float, float, float]:
    """Value, low and high; a point where there is no interval, as of one image."""
    value = figure.value if figure.value is not None else 0.0
    low, high = (value if end is None else end for end in (figure.low, figure.high))
    return value, low, high
