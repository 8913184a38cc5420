"""The lines below a figure, so that a picture saved of it says where it is from."""

from __future__ import annotations

from html import escape
from textwrap import wrap

import plotly.graph_objects as go

from medxfer.reports.stamp import Stamp

_LETTER_WIDTH, _LINE_HEIGHT, _LETTERS = 5.2, 13, 10


def with_foot(figure: go.Figure, mark: Stamp) -> go.Figure:
    """The figure made taller by its stamp, the lines broken to its width."""
    letters = int((figure.layout.width - figure.layout.margin.l) / _LETTER_WIDTH)
    lines = [part for line in mark.lines for part in wrap(line, letters)]
    below = figure.layout.margin.b
    room = _LINE_HEIGHT * len(lines) + 6
    figure.update_layout(margin_b=below + room, height=figure.layout.height + room)
    figure.add_annotation(
        text="<br>".join(escape(line) for line in lines),
        font={"size": _LETTERS}, opacity=0.7, align="left", showarrow=False,
        xref="paper", x=0, xanchor="left",
        yref="paper", y=0, yanchor="top", yshift=-below,
    )  # fmt: skip
    return figure
