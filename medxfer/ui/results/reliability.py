"""The reliability diagram: what was claimed against what came true, over counts of images."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from medxfer.ui.theme import MUTED, SERIES

_WIDTH = 430
"""Pixels the stamp is broken to; the page may give the figure more."""
_HEIGHT = 470
_TALL, _LOW = 0.78, 0.22
"""Parts of the height: the diagram, and the counts below it."""


def reliability_figure(bins: pd.DataFrame, name: str) -> go.Figure:
    """Dots with 95 % intervals over bars of counts; `name` is the class, "" for the most probable.

    `bins` as `calibration.reliability` gives it.
    """
    figure = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[_TALL, _LOW], vertical_spacing=0.05
    )
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="claims come true", hoverinfo="skip",
        line={"color": MUTED, "width": 1.5, "dash": "dot"}, row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=bins["probability"], y=bins["observed"], mode="markers+lines", name="these images",
        marker={"color": SERIES[0], "size": 10}, line={"color": SERIES[0], "width": 1},
        error_y={
            "type": "data", "symmetric": False, "color": SERIES[0], "thickness": 1.5, "width": 4,
            "array": bins["high"] - bins["observed"],
            "arrayminus": bins["observed"] - bins["low"],
        },
        customdata=bins[["n", "low", "high"]],
        hovertemplate="claimed %{x:.3f}, came true %{y:.3f} (%{customdata[1]:.3f} to "
        "%{customdata[2]:.3f}) of %{customdata[0]} images<extra></extra>",
        row=1, col=1,
    )  # fmt: skip
    figure.add_bar(
        x=bins["probability"], y=bins["n"], width=0.025, marker={"color": MUTED},
        name="images", showlegend=False, hovertemplate="%{y} images<extra></extra>", row=2, col=1,
    )  # fmt: skip
    what = f"of {escape(name, quote=False)}" if name else "of the class called"
    share = {"range": [-0.02, 1.02], "zeroline": False}
    figure.update_xaxes(share, row=1, col=1)
    figure.update_xaxes(share, title=f"probability {what} claimed", row=2, col=1)
    figure.update_yaxes(share, title="share that came true", row=1, col=1)
    figure.update_yaxes(title="images", rangemode="tozero", row=2, col=1)
    figure.update_layout(
        width=_WIDTH,
        height=_HEIGHT,
        margin={"l": 60, "r": 15, "t": 40, "b": 55},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return figure
