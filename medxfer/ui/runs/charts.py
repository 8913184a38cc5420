"""Training curves that grow while a run is going on.

Each chart has one fixed Vega-Lite specification and changing data: so the browser keeps the
chart and moves its lines, instead of drawing a new one every second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.ui.runs.live import Live
from medxfer.ui.theme import MARK, MUTED, SERIES

TRAIN, VALIDATION = "train", "validation"
COLOURS = {TRAIN: MUTED, VALIDATION: SERIES[0]}
_HEIGHT = 300
_TWO_NAMES = 150
"""Pixels that both names of the legend take side by side."""


@dataclass(frozen=True)
class Curve:
    """One figure drawn over the epochs."""

    figure: str
    title: str
    unit: str
    bounded: bool = True
    """Whether 1 is the most it can be."""


CURVES = (
    Curve("loss", "Loss", "loss", bounded=False),
    Curve("accuracy", "Accuracy", "share correct"),
    Curve("auroc", "AUROC", "area under the curve"),
)


def curve_data(live: Live, curve: Curve) -> pd.DataFrame:
    """Everything one chart shows, one row a mark: kind, epoch, value and text.

    An epoch where the figure is not defined has no value: the line has a gap there.
    """
    rows: list[tuple[str, float, float | None, str]] = []
    for epoch in live.epochs:
        for kind, figures in ((TRAIN, epoch.train), (VALIDATION, epoch.validation)):
            value = figures.get(curve.figure)
            text = "" if value is None else f"{kind} {value:.3f}, epoch {epoch.epoch}"
            rows.append((kind, epoch.epoch, value, text))
    if curve.figure == "loss":
        rows += [("batch", done, loss, f"batch loss {loss:.3f}") for done, loss in live.batches]
    best = live.best
    if best is not None and (value := best.validation.get(curve.figure)) is not None:
        rows.append(("best", best.epoch, value, f"best epoch {best.epoch}: {value:.3f}"))
    rows += _borders(live)
    if curve.bounded and not live.epochs:
        rows += [("frame", 0, 0.5, ""), ("frame", 0, 1.0, "")]
    rows.append(("range", live.planned_epochs or 1, None, ""))
    return pd.DataFrame(rows, columns=["kind", "epoch", "value", "text"]).astype(
        {"epoch": "float64", "value": "float64"}
    )


def draw_training(live: Live, key: str) -> None:
    """Loss, accuracy and AUROC for train and validation, side by side."""
    for place, curve in zip(st.columns(len(CURVES), gap="small"), CURVES, strict=True):
        place.vega_lite_chart(
            curve_data(live, curve),
            _spec(curve),
            key=f"{key}-{curve.figure}",
            height=_HEIGHT,
            # Always the same: a new text would make the browser draw the chart anew.
            alt=f"{curve.title} by epoch for train and validation",
        )
    missing = [c.title for c in CURVES if _undefined(live, c)]
    if missing:
        st.caption(
            f"{' and '.join(missing)} not defined in some epochs: the images looked at held "
            "one class only."
        )


def _borders(live: Live) -> Iterable[tuple[str, float, float | None, str]]:
    if len(live.plan) < 2:  # noqa: PLR2004 - one phase has no border
        return
    for started in live.phases:
        name = live.plan[started.phase].name if started.phase < len(live.plan) else ""
        yield "border", started.epoch - 1, None, name


def _undefined(live: Live, curve: Curve) -> bool:
    return any(epoch.validation.get(curve.figure) is None for epoch in live.epochs)


def _spec(curve: Curve) -> dict[str, Any]:
    value = {
        "field": "value",
        "type": "quantitative",
        "title": curve.unit,
        "scale": {"zero": False, "nice": True} | ({"domainMax": 1} if curve.bounded else {}),
        "axis": {"tickCount": 4, "titlePadding": 8},
    }
    epoch = {
        "field": "epoch",
        "type": "quantitative",
        "title": "epoch",
        "scale": {"domainMin": 0, "nice": False},
        "axis": {"tickMinStep": 1, "format": "d", "grid": False},
    }
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": list(COLOURS), "range": list(COLOURS.values())},
        "legend": {
            "title": None,
            "orient": "top",
            "symbolType": "stroke",
            "offset": 20,
            # On a narrow screen the second name would be cut off.
            "columns": {"expr": f"width < {_TWO_NAMES} ? 1 : 2"},
        },
    }
    shared = {"x": epoch, "y": value, "tooltip": {"field": "text"}}
    return {
        "title": {"text": curve.title, "anchor": "start", "fontSize": 15, "offset": 6},
        "padding": {"left": 0, "right": 6, "top": 0, "bottom": 0},
        "layer": [
            _only("range", {"mark": {"type": "point", "opacity": 0}, "encoding": {"x": epoch}}),
            _only("frame", {"mark": {"type": "point", "opacity": 0}, "encoding": {"y": value}}),
            _only("border", _border_line(epoch)),
            _only("border", _border_label(epoch)),
            _only("batch", _line(shared, width=1, opacity=0.35)),
            _only(TRAIN, _line(shared | {"color": colour}, width=2, dash=[4, 3])),
            _only(VALIDATION, _line(shared | {"color": colour}, width=2.5)),
            _only("best", _best(shared)),
        ],
    }


def _only(kind: str, layer: dict[str, Any]) -> dict[str, Any]:
    return {"transform": [{"filter": f"datum.kind === '{kind}'"}], **layer}


def _line(
    encoding: dict[str, Any], width: float, opacity: float = 1, dash: list[int] | None = None
) -> dict[str, Any]:
    mark: dict[str, Any] = {"type": "line", "strokeWidth": width, "opacity": opacity}
    if dash:
        mark["strokeDash"] = dash
    if "color" in encoding:
        mark["point"] = {"size": 22}
    else:
        mark["color"] = COLOURS[TRAIN]
    return {"mark": mark, "encoding": encoding}


def _border_line(epoch: dict[str, Any]) -> dict[str, Any]:
    return {
        "mark": {"type": "rule", "color": MUTED, "strokeDash": [2, 3], "opacity": 0.8},
        "encoding": {"x": epoch},
    }


def _border_label(epoch: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": "text", "align": "left", "baseline": "bottom", "dx": 1, "fontSize": 11}
    return {
        "mark": {**mark, "color": MUTED},
        "encoding": {"x": epoch, "y": {"value": -4}, "text": {"field": "text"}},
    }


def _best(shared: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": "point", "shape": "diamond", "size": 130, "filled": True, "color": MARK}
    return {"mark": mark, "encoding": shared}
