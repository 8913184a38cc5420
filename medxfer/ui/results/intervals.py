"""Dots with whiskers: figures of several groups or runs under one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from medxfer.evaluation.estimate import Estimate
from medxfer.reports.blocks import interval
from medxfer.ui.theme import MARK, MUTED, SERIES

_ROW, _ROOM = 34, 110
"""Pixels a row, and for the axis."""
_WIDTH = 430
"""Pixels the stamp is broken to; the page may give the figure more."""
_LONGEST = 34


@dataclass(frozen=True)
class Dot:
    """One row: its name, its figure, and whether it is to be pointed at."""

    name: str
    found: Estimate
    marked: bool = False


def interval_figure(
    dots: Sequence[Dot], unit: str, reference: float, said: str, *, share: bool = True
) -> go.Figure:
    """A dot and its 95 % interval for each row, from the top, beside a dotted line at `reference`.

    Marked rows have a diamond of another colour. Rows without a figure are left empty. `share`:
    the axis ends at 1.
    """
    figure = go.Figure()
    drawn = [(place, dot) for place, dot in enumerate(dots) if dot.found.value is not None]
    for marked, colour, symbol in ((False, SERIES[0], "circle"), (True, MARK, "diamond")):
        some = [(place, dot) for place, dot in drawn if dot.marked is marked]
        values = [dot.found.value or 0.0 for _, dot in some]
        ends = [(_or(dot.found.low, dot.found.value), _or(dot.found.high, dot.found.value))
                for _, dot in some]  # fmt: skip
        figure.add_scatter(
            x=values, y=[place for place, _ in some], mode="markers", showlegend=False,
            marker={"color": colour, "size": 11, "symbol": symbol},
            error_x={
                "type": "data", "symmetric": False, "color": colour, "thickness": 2, "width": 5,
                "array": [high - value for (_, high), value in zip(ends, values, strict=True)],
                "arrayminus": [value - low for (low, _), value in zip(ends, values, strict=True)],
            },
            text=[f"{escape(dot.name, quote=False)}: {interval(dot.found)}" for _, dot in some],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(
        x=reference, line={"color": MUTED, "width": 1.5, "dash": "dot"},
        annotation_text=escape(said, quote=False), annotation_position="top",
    )  # fmt: skip
    names = [_short(dot.name) for dot in dots]
    figure.update_yaxes(
        tickvals=list(range(len(dots))), ticktext=names, range=[len(dots) - 0.5, -0.5],
        zeroline=False, showgrid=False, fixedrange=True,
    )  # fmt: skip
    figure.update_xaxes(title=unit, zeroline=False, nticks=8)
    if share:
        figure.update_xaxes(range=[_least(dots), 1.005])
    figure.update_layout(
        width=_WIDTH,
        height=_ROW * len(dots) + _ROOM,
        margin={"l": 20 + 7 * max(map(len, names), default=0), "r": 20, "t": 34, "b": 55},
    )
    return figure


def _least(dots: Sequence[Dot]) -> float:
    """Where the axis begins: round, and below every whisker."""
    ends = [_or(dot.found.low, dot.found.value) for dot in dots if dot.found.value is not None]
    return max(-0.01, int(10 * min(ends, default=0.0)) / 10 - 0.01)


def _or(end: float | None, value: float | None) -> float:
    return end if end is not None else value or 0.0


def _short(name: str) -> str:
    return escape(name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…", quote=False)
