"""Sensitivity and specificity over the threshold."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from medxfer.evaluation.operating_point import trade_off
from medxfer.evaluation.predictions import Predictions
from medxfer.ui.theme import MARK, MUTED, SERIES

_WIDTH = 430
"""Pixels the stamp is broken to; the page may give the figure more."""
_HEIGHT = 360
_NEAR = 0.005
"""Two lines closer than this would be one."""


def threshold_figure(
    predictions: Predictions, chosen: float | None, in_force: float | None
) -> go.Figure:
    """What each threshold gives on these images, with the one chosen and the one in force.

    Raises:
        EvaluationError: there are not two classes, or not images of both.
    """
    table = trade_off(predictions)
    figure = go.Figure()
    for name, colour, dash in (
        ("sensitivity", SERIES[0], "solid"),
        ("specificity", SERIES[2], "dash"),
    ):
        figure.add_scatter(
            x=table["threshold"], y=table[name], mode="lines", name=name,
            line={"color": colour, "width": 2.5, "dash": dash, "shape": "vh"},
            hovertemplate=f"{name} %{{y:.3f}} at %{{x:.3f}}<extra></extra>",
        )  # fmt: skip
    if in_force is not None and (chosen is None or abs(in_force - chosen) > _NEAR):
        _mark(figure, in_force, "in use", MUTED, "dot", "bottom")
    if chosen is not None:
        same = in_force is not None and abs(in_force - chosen) <= _NEAR
        _mark(figure, chosen, f"{chosen:.3f}{' in use' if same else ''}", MARK, "solid", "top")
    name = escape(predictions.classes[predictions.positive], quote=False)
    axis = {"range": [-0.01, 1.01], "zeroline": False}
    figure.update_xaxes(**axis, title=f"threshold: probability of {name}")
    figure.update_yaxes(**axis, title="share of images")
    figure.update_layout(
        width=_WIDTH,
        height=_HEIGHT,
        margin={"l": 55, "r": 15, "t": 44, "b": 58},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hovermode="x",
    )
    return figure


def _mark(figure: go.Figure, at: float, text: str, colour: str, dash: str, where: str) -> None:
    right = at > 0.8  # noqa: PLR2004 - there the words would leave the figure
    figure.add_vline(
        x=at, line={"color": colour, "width": 2.5, "dash": dash}, annotation_text=text,
        annotation_position=f"{where} {'left' if right else 'right'}",
    )  # fmt: skip
