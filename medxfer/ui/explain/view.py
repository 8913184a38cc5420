"""One explanation on screen: probabilities, the picture with its heatmap, downloads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from medxfer.explain.overlay import COLOUR_MAPS
from medxfer.paths import Workspace
from medxfer.reports.exports import explanation_json, heatmap_png
from medxfer.reports.stamp import stamp
from medxfer.runs.summary import RunSummary
from medxfer.ui.explain.pictures import display_of
from medxfer.ui.explain.serving import METHOD_WORDS, classes_of, explained
from medxfer.ui.explain.source import Scan
from medxfer.ui.runs.charts import COLOURS, TRAIN, VALIDATION
from medxfer.ui.viewer.component import draw_viewer
from medxfer.ui.words import plain, split_word

if TYPE_CHECKING:
    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Verdict

_PREDICTED = -1
_ROW_HEIGHT = 34


def draw_explanation(place: Workspace, run: RunSummary, scan: Scan, said: Verdict) -> None:
    """Answer and heatmap of one scan, with the choice of class and method."""
    target, method = _choices(place, run.run)
    of = said.called if target is None else target
    heat = explained(place, run.run, scan.digest, scan.pixels, of, method)
    answer = replace(heat, probabilities=np.array(said.probabilities), predicted=said.called)
    _draw_answer(answer, scan)
    _draw_decided(said)
    left, right = st.columns([2, 3], vertical_alignment="center")
    with left:
        _draw_probabilities(answer)
    with right:
        st.caption(_strength(answer))
        st.caption(
            "A heatmap shows where the network looked, not why, and not that it is right. A wrong "
            "answer has a heatmap too."
        )
    draw_viewer(display_of(answer, scan), key="viewer")
    st.caption(
        "The network sees only the outlined square; what lies outside cannot change its answer."
    )
    _draw_downloads(answer, scan, run)


def _choices(place: Workspace, run: str) -> tuple[int | None, str]:
    from medxfer.explain.heatmap import METHODS

    classes = classes_of(place, run)
    first, second = st.columns(2)
    target = first.selectbox(
        "Heatmap of",
        [_PREDICTED, *range(len(classes))],
        format_func=lambda index: "the predicted class" if index < 0 else classes[index],
        key="explain-target",
    )
    method = second.selectbox(
        "Method", list(METHODS), format_func=lambda name: METHOD_WORDS.get(name, name),
        key="explain-method",
    )  # fmt: skip
    return (None if target == _PREDICTED else target), method


def _draw_answer(answer: Explanation, scan: Scan) -> None:
    name = answer.classes[answer.predicted]
    sure = answer.probabilities[answer.predicted]
    st.markdown(f"### {plain(name)}, {100 * sure:.1f} %")
    if scan.truth:
        patient = f" of patient {plain(scan.patient)}" if scan.patient else ""
        right = "which is right" if scan.truth == name else "which is wrong"
        st.caption(
            f"{split_word(scan.split)} image {plain(scan.name)}{patient}, labelled "
            f"{plain(scan.truth)}: "
            f"the network says {plain(name)}, {right}."
        )
    else:
        st.caption(f"What the network says of {plain(scan.name)}.")
    for note in scan.notes:
        st.caption(f"Read with a change: {plain(note)}.")


def _draw_decided(said: Verdict) -> None:
    """What was decided about the run's answers, and what follows for this one."""
    if said.uncertain:
        st.warning(
            "**Uncertain: a person should look.** The probability lies in the band in which this "
            "run gives no answer.",
            icon=":material/person_search:",
        )
    under = []
    if said.temperature != 1:
        under.append(f"temperature {said.temperature:.2f}")
    if said.threshold is not None and said.positive is not None:
        under.append(f"{plain(said.positive)} called from {said.threshold:.3f} on")
    if said.within is not None and said.promised is not None:
        named = ", ".join(map(plain, said.within)) or "no class"
        under.append(
            f"sets that hold the truth in {100 * said.promised:g} % of images: here {named}"
        )
    if under:
        st.caption(f"As decided for this run: {'; '.join(under)}.")


def _draw_probabilities(answer: Explanation) -> None:
    table = pd.DataFrame(
        {
            "class": answer.classes,
            "probability": answer.probabilities,
            "text": [f"{100 * value:.1f} %" for value in answer.probabilities],
            "predicted": [index == answer.predicted for index in range(len(answer.classes))],
        }
    )
    y = {"field": "class", "type": "nominal", "sort": None, "title": None}
    x = {
        "field": "probability",
        "type": "quantitative",
        "title": "probability",
        "scale": {"domain": [0, 1.15]},
        "axis": {"values": [0, 0.5, 1], "grid": False},
    }
    colour = {
        "condition": {"test": "datum.predicted", "value": COLOURS[VALIDATION]},
        "value": COLOURS[TRAIN],
    }
    text = {"type": "text", "align": "left", "dx": 5, "color": COLOURS[TRAIN]}
    spec = {
        "layer": [
            {"mark": {"type": "bar", "cornerRadiusEnd": 3}, "encoding": {"color": colour}},
            {"mark": text, "encoding": {"text": {"field": "text"}}},
        ],
        "encoding": {"x": x, "y": y | {"axis": {"labelLimit": 160}}},
    }
    st.vega_lite_chart(
        table,
        spec,
        key="explain-probabilities",
        height=_ROW_HEIGHT * len(table) + 50,
        alt=", ".join(f"{row.text} {getattr(row, 'class', '')}" for row in table.itertuples()),
    )


def _strength(answer: Explanation) -> str:
    name = plain(answer.classes[answer.target])
    if answer.raw_maximum <= 0:
        method = METHOD_WORDS.get(answer.method, answer.method)
        return (
            f"{method} finds nothing that raises {name}, so this map is empty. Another method may "
            "show one."
        )
    return (
        f"Heatmap of {name}. Strongest evidence before scaling: {answer.raw_maximum:.3g}; the "
        "colours are scaled to it, so compare this figure, not the brightness, between images."
    )


def _draw_downloads(answer: Explanation, scan: Scan, run: RunSummary) -> None:
    name = f"{run.run}-{scan.digest[:8]}-{answer.method}-{answer.target}"
    mark = stamp(run)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        colour_map = st.selectbox(
            "Colours of the downloaded picture", list(COLOUR_MAPS), format_func=str.capitalize,
            key="explain-colours", width=260,
        )  # fmt: skip
        st.download_button(
            "Download picture (PNG, heatmap at 50 %)",
            data=lambda: heatmap_png(scan.pixels, answer, mark, 0.5, colour_map, scan.name),
            file_name=f"{name}.png",
            mime="image/png",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            "Download figures (JSON)",
            data=explanation_json(answer, mark, scan.name),
            file_name=f"{name}.json",
            mime="application/json",
            on_click="ignore",
            icon=":material/download:",
        )
