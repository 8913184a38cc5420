"""What the network says of a scan, in words and bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from medxfer.ui.explain.source import Scan
from medxfer.ui.runs.charts import COLOURS, TRAIN, VALIDATION
from medxfer.ui.words import plain, split_word

if TYPE_CHECKING:
    from medxfer.runs.answering import Verdict

_ROW_HEIGHT = 34


def draw_heading(said: Verdict, scan: Scan) -> None:
    """The class called and its probability; whose scan it is, and whether that is right."""
    name = said.prediction
    st.markdown(f"### {plain(name)}, {100 * said.probabilities[said.called]:.1f} %")
    if said.uncertain:
        st.warning(
            "**Uncertain: a person should look.** The probability lies in the band in which this "
            "run gives no answer.",
            icon=":material/person_search:",
        )
    if scan.truth:
        patient = f" of patient {plain(scan.patient)}" if scan.patient else ""
        right = "which is right" if scan.truth == name else "which is wrong"
        st.caption(
            f"{split_word(scan.split)} image {plain(scan.name)}{patient}, labelled "
            f"{plain(scan.truth)}: the network says {plain(name)}, {right}."
        )
    else:
        st.caption(f"What the network says of {plain(scan.name)}.")


def draw_notes(scan: Scan) -> None:
    """What was changed when the file was read."""
    for note in scan.notes:
        st.caption(f":material/info: Read with a note: {plain(note)}.")


def draw_decided(said: Verdict) -> None:
    """What was decided about the run's answers, and what follows for this one."""
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
        st.caption(f":material/rule: As decided for this run: {'; '.join(under)}.")


def draw_agreement(said: Verdict) -> None:
    """Whether the answer stays when the scan is moved a little."""
    found = said.agreement
    if found is None:
        return
    steady = found.same == found.shifts
    icon = ":material/filter_center_focus:" if steady else ":material/warning:"
    st.caption(f"{icon} {plain(found.sentence)}")


def draw_probabilities(said: Verdict) -> None:
    """A bar a class."""
    table = pd.DataFrame(
        {
            "class": said.classes,
            "probability": said.probabilities,
            "text": [f"{100 * value:.1f} %" for value in said.probabilities],
            "called": [index == said.called for index in range(len(said.classes))],
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
        "condition": {"test": "datum.called", "value": COLOURS[VALIDATION]},
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
