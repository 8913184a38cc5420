"""How a run learned, looked back on: figures that stand still and can be saved as a picture."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from medxfer.reports.stamp import Stamp
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.runs.charts import COLOURS, CURVES, TRAIN, VALIDATION
from medxfer.ui.runs.live import Live
from medxfer.ui.theme import MARK, MUTED

_HEIGHT, _TICKS = 360, 8
_LINES = ((TRAIN, "dash"), (VALIDATION, "solid"))


def draw_training_figure(live: Live, mark: Stamp, key: str) -> None:
    """The curves of a run that has ended, stamped."""
    draw_figure(
        training_figure(live),
        mark,
        key=key,
        file=key,
        alt="Loss, accuracy and AUROC by epoch for train and validation",
    )
    st.caption(
        "Diamond: the best epoch, which is kept. Train is measured while learning, on varied "
        "images and with dropout, so it can look worse than validation."
    )


def training_figure(live: Live) -> go.Figure:
    """Loss, accuracy and AUROC by epoch side by side, phase borders as dotted lines."""
    titles = [
        curve.title if curve.title == curve.unit.capitalize() else f"{curve.title} ({curve.unit})"
        for curve in CURVES
    ]
    figure = make_subplots(cols=len(CURVES), subplot_titles=titles, horizontal_spacing=0.09)
    step = max(1, -(-len(live.epochs) // _TICKS))  # never a tick between two epochs
    numbers = [epoch.epoch for epoch in live.epochs]
    for column, curve in enumerate(CURVES, start=1):
        place = {"row": 1, "col": column}
        first = column == 1
        for name, dash in _LINES:
            values = [getattr(epoch, name).get(curve.figure) for epoch in live.epochs]
            figure.add_scatter(
                x=numbers, y=values, name=name, mode="lines+markers", showlegend=first,
                line={"color": COLOURS[name], "dash": dash}, **place,
            )  # fmt: skip
        if best := live.best:
            figure.add_scatter(
                x=[best.epoch], y=[best.validation.get(curve.figure)],
                name=f"best epoch: {best.epoch}",
                mode="markers", showlegend=first,
                marker={"color": MARK, "symbol": "diamond", "size": 12}, **place,
            )  # fmt: skip
        figure.update_xaxes(title="epoch", rangemode="tozero", tick0=0, dtick=step, **place)
    for started in live.phases[1:]:
        figure.add_vline(x=started.epoch - 1, line={"color": MUTED, "width": 1, "dash": "dot"})
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 60, "r": 10, "t": 40, "b": 90},
        legend={"orientation": "h", "y": -0.22, "yanchor": "top"},
    )
    return figure


def epochs_table(live: Live) -> pd.DataFrame:
    """One row an epoch: phase, learning rate, seconds, and every figure of train and validation."""
    return pd.DataFrame(
        {
            "epoch": epoch.epoch,
            "phase": epoch.phase + 1,
            "learning_rate": epoch.learning_rate,
            "seconds": epoch.seconds,
            "best": epoch.best,
        }
        | {f"train_{name}": value for name, value in epoch.train.items()}
        | {f"validation_{name}": value for name, value in epoch.validation.items()}
        for epoch in live.epochs
    )
