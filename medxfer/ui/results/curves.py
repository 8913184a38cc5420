"""ROC and precision-recall curves of a result."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from medxfer.errors import EvaluationError
from medxfer.evaluation.curves import precision_recall, roc
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Predictions
from medxfer.reports.blocks import interval
from medxfer.reports.stamp import Stamp
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.results.judging import Result
from medxfer.ui.theme import MUTED, SERIES
from medxfer.ui.words import plain

_TWO = 2
_WIDTH, _HEIGHT = 390, 440
"""The stamp is broken to this width; the page may give the figure more."""
_GUESSING = {"color": MUTED, "width": 1.5, "dash": "dot"}


Bands = Mapping[int, pd.DataFrame]
"""By class index, what `roc_band` gives."""


def roc_figure(
    predictions: Predictions, classes: pd.DataFrame, bands: Bands | None = None
) -> go.Figure:
    """ROC curves with the diagonal of chance; classes without one are left out.

    `classes` as `Intervals.by_class`; a class with a band has it drawn behind its curve.
    """
    figure = _empty("1 − specificity", "sensitivity")
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="chance", hoverinfo="skip",
        line=_GUESSING,
    )  # fmt: skip
    for cls in predictions.judged_classes:
        try:
            curve = roc(predictions, cls)
        except EvaluationError:
            continue
        area = Estimate.of_row(classes.iloc[cls].to_dict(), "auroc", "auroc_")
        if bands and cls in bands:
            _band(figure, bands[cls], _colour(cls))
        _line(
            figure,
            curve["false_positive_rate"],
            curve["true_positive_rate"],
            f"{escape(predictions.classes[cls], quote=False)}: AUROC {interval(area)}",
            _colour(cls),
        )
    return figure


def precision_recall_figure(
    predictions: Predictions, estimates: Mapping[str, Estimate]
) -> go.Figure:
    """Precision-recall curves, each with its prevalence, which is what chance would give.

    `estimates` as `intervals.estimates` gives them; the area of one class of several has none.
    """
    figure = _empty("recall", "precision")
    for cls in predictions.judged_classes:
        try:
            curve = precision_recall(predictions, cls)
        except EvaluationError:
            continue
        known = predictions.truth >= 0
        positive = predictions.truth[known] == cls
        name = escape(predictions.classes[cls], quote=False)
        if len(predictions.classes) == _TWO:
            name += f": AP {interval(estimates['average_precision'])}"
        _line(
            figure,
            curve["recall"],
            curve["precision"],
            name,
            _colour(cls),
            "vh",
        )
        prevalence = float(positive.mean())
        figure.add_scatter(
            x=[0, 1], y=[prevalence] * 2, mode="lines", hoverinfo="skip",
            name=f"prevalence ({prevalence:.3f})",
            showlegend=len(predictions.classes) == _TWO,
            line=_GUESSING,
        )  # fmt: skip
    return figure


def draw_curves(result: Result) -> None:
    """Both figures side by side; what has no curve says why."""
    predictions, missing = result.predictions, _missing(result.predictions)
    if len(missing) < len(predictions.judged_classes):
        left, right = st.columns(2)
        with left:
            figure = roc_figure(predictions, result.classes, result.bands)
            _draw(figure, result.mark, f"{result.key}-roc", "ROC curve")
        with right:
            figure = precision_recall_figure(predictions, result.estimates)
            _draw(figure, result.mark, f"{result.key}-pr", "Precision-recall curve")
        st.caption(
            "Dotted: what guessing would give. "
            + ("Shaded: the 95 % interval of the sensitivity. " if result.bands else "")
            + ("Each class against the rest." if len(predictions.classes) > _TWO else "")
        )
    for sentence in missing:
        st.caption(plain(sentence))


def _missing(predictions: Predictions) -> list[str]:
    sentences = []
    for cls in predictions.judged_classes:
        try:
            roc(predictions, cls)
        except EvaluationError as error:
            sentences.append(error.problem)
    return sentences


def _draw(figure: go.Figure, mark: Stamp, key: str, title: str) -> None:
    st.markdown(f"**{title}**")
    draw_figure(figure, mark, key=key, file=key, alt=title)


def _empty(x: str, y: str) -> go.Figure:
    figure = go.Figure()
    axis = {"range": [-0.01, 1.01], "fixedrange": False, "zeroline": False}
    figure.update_xaxes(**axis, title=x)
    figure.update_yaxes(**axis, title=y)
    figure.update_layout(
        width=_WIDTH,
        height=_HEIGHT,
        margin={"l": 55, "r": 10, "t": 34, "b": 58},
        legend={"x": 0.98, "y": 0.02, "xanchor": "right", "yanchor": "bottom"},
        hovermode="closest",
    )
    return figure


def _colour(cls: int) -> str:
    return SERIES[cls % len(SERIES)]


def _band(figure: go.Figure, band: pd.DataFrame, colour: str) -> None:
    x, low, high = (band[name].tolist() for name in ("fpr", "low", "high"))
    figure.add_scatter(
        x=[*x, *reversed(x)], y=[*high, *reversed(low)], mode="lines", fill="toself",
        fillcolor=colour, opacity=0.18, line={"width": 0}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _line(
    figure: go.Figure,
    x: pd.Series[float],
    y: pd.Series[float],
    name: str,
    colour: str,
    shape: str = "linear",
) -> None:
    figure.add_scatter(
        x=x, y=y, mode="lines", name=name, line={"color": colour, "width": 2.5, "shape": shape}
    )
