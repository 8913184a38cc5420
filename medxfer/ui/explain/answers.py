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
    """A bar a class; the figures stand with the names, where a narrow page does not cut them."""
    table = pd.DataFrame(
        {
            "class": [
                f"{name} {100 * value:.1f} %"
                for name, value in zip(said.classes, said.probabilities, strict=True)
            ],
            "probability": said.probabilities,
            "called": [index == said.called for index in range(len(said.classes))],
        }
    )
    colour = {
        "condition": {"test": "datum.called", "value": COLOURS[VALIDATION]},
        "value": COLOURS[TRAIN],
    }
    spec = {
        "mark": {"type": "bar", "cornerRadiusEnd": 3},
        "encoding": {
            "x": {
                "field": "probability",
                "type": "quantitative",
                "title": "probability",
                "scale": {"domain": [0, 1]},
                "axis": {"values": [0, 0.5, 1], "grid": False},
            },
            "y": {
                "field": "class",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"labelLimit": 180},
            },
            "color": colour,
        },
    }
    st.vega_lite_chart(
        table,
        spec,
        key="explain-probabilities",
        height=_ROW_HEIGHT * len(table) + 50,
        alt=", ".join(table["class"]),
    )
