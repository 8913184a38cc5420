"""The mean heatmap of a class: does the network always look at the same corner?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from medxfer.events import Tell
from medxfer.reports.exports import sheet_png
from medxfer.runs.heatmaps import MOST_MEAN, seconds
from medxfer.ui.people import noting
from medxfer.ui.results.asking import ask_network, remembered
from medxfer.ui.results.judging import Result
from medxfer.ui.words import count, duration, plain

if TYPE_CHECKING:
    from medxfer.runs.overview import MeanOfClass

BELONG, CALLED = "that belong to it", "that were called it"
_ENLARGED = 2
"""Screen pixels for each of the network's view."""


def draw_mean(result: Result) -> None:
    """Choose class and images; the mean map once it was asked for, else the button."""
    st.markdown(
        "What lies at the same place in every picture, such as a side marker or a border, does not "
        "average away. Findings that lie now here, now there do."
    )
    predictions = result.predictions
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Class", predictions.classes, index=predictions.positive if _is_binary(result) else 0,
            key=f"{result.key}-mean-class", width=260,
        )  # fmt: skip
        which = st.segmented_control(
            "Images", [BELONG, CALLED], default=BELONG, required=True, key=f"{result.key}-mean-of"
        )
    called = which == CALLED
    cls = predictions.classes.index(name)
    images = int(((predictions.predicted if called else predictions.truth) == cls).sum())
    if not images:
        st.info(f"There are no {result.split.words} images of “{plain(name)}” {which}.")
        return
    made = remembered(("mean", *result.answers, cls, called))
    if made:
        _draw_made(result, made[0], f"{result.key}-mean-{cls}{'-called' if called else ''}")
        return
    takes = duration(seconds(min(images, MOST_MEAN), result.run.depth))
    if st.button(
        f"Make the mean heatmap (about {takes})", icon=":material/layers:",
        key=f"{result.key}-mean",
    ):  # fmt: skip
        ask_network(partial(_make, result, cls, called))


def _is_binary(result: Result) -> bool:
    return len(result.predictions.judged_classes) == 1


def _make(result: Result, cls: int, called: bool, tell: Tell) -> None:
    # Loads torch, which a page that only shows what is saved must not pay for.
    from medxfer.runs.overview import mean_of_class

    name = result.predictions.classes[cls]
    made = mean_of_class(
        result.place, result.run.run, name, result.split, tell=tell, called=called
    )  # fmt: skip
    remembered(("mean", *result.answers, cls, called))[:] = [made]


def _draw_made(result: Result, made: MeanOfClass, name: str) -> None:
    caption = made.caption(result.split)
    shown = np.repeat(np.repeat(made.pixels, _ENLARGED, axis=0), _ENLARGED, axis=1)
    st.markdown(f"**{plain(made.sentence)}**")
    st.image(shown, alt=f"{caption} {made.sentence}")
    if made.unreadable:
        st.caption(f"{count(made.unreadable, 'image')} could not be used.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(caption))
        st.download_button(
            "Download it (PNG)",
            noting(
                result.place, f"mean heatmap, run {result.run.run}",
                lambda: sheet_png(shown, f"{caption} {made.sentence}", result.mark),
            ),
            file_name=f"{name}.png", mime="image/png", on_click="ignore",
            icon=":material/download:", key=f"{name}-download",
        )  # fmt: skip
