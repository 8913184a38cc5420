"""The confusion matrix as a figure and as a table."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from medxfer.evaluation.confusion import by_row
from medxfer.evaluation.predictions import Floats, Ints
from medxfer.ui.theme import LIGHT, MARK

Cell = tuple[int, int]
"""Indices of the true and the predicted class."""

_LONGEST_LABEL = 18
_SMALLEST, _LARGEST, _LARGEST_OF_MANY = 260, 440, 560
_CELL_SIDE = 150
_MANY = 6
_ACCENT = "22, 133, 122"
_DEEPEST = 0.8
"""Deeper cells would need text of another colour than the page's, in one theme or the other."""


def confusion_table(counts: Ints, classes: tuple[str, ...], rows: bool) -> pd.DataFrame:
    """The matrix with names: rows are the truth, columns the prediction."""
    if rows:
        table = pd.DataFrame(_written(counts, by_row(counts), rows), columns=list(classes))
    else:
        table = pd.DataFrame(counts, columns=list(classes))
    table.index = pd.Index(classes, name="truth ↓ prediction →")
    return table


def confusion_figure(
    counts: Ints, classes: tuple[str, ...], rows: bool, chosen: Cell | None
) -> go.Figure:
    """Heatmap coloured by the part of each true class, with clickable squares above it.

    Its colours are see-through, so that they fit both themes; its text is that of the light one.
    """
    parts = by_row(counts)
    largest = _LARGEST if len(classes) < _MANY else _LARGEST_OF_MANY
    side = min(max(_CELL_SIDE * len(classes), _SMALLEST), largest)
    figure = go.Figure([_heat(parts), _squares(counts, parts, classes, side)])
    labels = [_label(name) for name in classes]
    axis = {
        "tickvals": list(range(len(classes))),
        "ticktext": labels,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "range": [-0.5, len(classes) - 0.5],
    }
    turned = {"tickangle": -40} if len(classes) >= _MANY else {"tickangle": 0}
    figure.update_xaxes(**axis, **turned, title="prediction", side="bottom")
    figure.update_yaxes(**axis | {"range": [len(classes) - 0.5, -0.5]}, title="truth")
    margin = 30 + 8 * max(len(label) for label in labels)
    bottom = 60 + (6 * max(len(label) for label in labels) if len(classes) >= _MANY else 0)
    figure.update_layout(
        width=side + margin + 50,
        height=side + bottom + 34,
        margin={"l": margin + 30, "r": 20, "t": 34, "b": bottom},
        showlegend=False,
        dragmode=False,
        clickmode="event+select",
    )
    for truth, row in enumerate(_written(counts, parts, rows)):
        for predicted, text in enumerate(row):
            figure.add_annotation(
                x=predicted, y=truth, text=text, showarrow=False,
                font={
                    "size": 20 if len(classes) < _MANY else 12,
                    "color": LIGHT.text,
                },
            )  # fmt: skip
    if chosen is not None:
        truth, predicted = chosen
        figure.add_shape(
            type="rect", x0=predicted - 0.48, x1=predicted + 0.48,
            y0=truth - 0.48, y1=truth + 0.48, line={"color": MARK, "width": 4},
        )  # fmt: skip
    return figure


def _written(counts: Ints, parts: Floats, rows: bool) -> list[list[str]]:
    if rows:
        return [[_percent(part) for part in row] for row in parts]
    return [[f"{cell:,}" for cell in row] for row in counts]


def _heat(parts: Floats) -> go.Heatmap:
    return go.Heatmap(
        z=np.nan_to_num(parts),
        zmin=0,
        zmax=1,
        colorscale=[[0, f"rgba({_ACCENT}, 0.1)"], [1, f"rgba({_ACCENT}, {_DEEPEST})"]],
        showscale=False,
        hoverinfo="skip",
        xgap=3,
        ygap=3,
    )


def _squares(counts: Ints, parts: Floats, classes: tuple[str, ...], side: int) -> go.Scatter:
    cells = [
        (truth, predicted) for truth in range(len(classes)) for predicted in range(len(classes))
    ]
    hidden = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=[predicted for _, predicted in cells],
        y=[truth for truth, _ in cells],
        customdata=cells,
        text=[
            f"truth {escape(classes[truth], quote=False)}, "
            f"called {escape(classes[predicted], quote=False)}: "
            f"{counts[truth, predicted]:,} ({_percent(parts[truth, predicted])} of this class)"
            for truth, predicted in cells
        ],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        marker={"symbol": "square", "size": 0.96 * side / len(classes), "opacity": 0},
        selected=hidden,
        unselected=hidden,
    )


def _percent(part: float) -> str:
    return "–" if pd.isna(part) else f"{100 * part:.1f} %"


def _label(name: str) -> str:
    short = name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"
    return escape(short, quote=False)
