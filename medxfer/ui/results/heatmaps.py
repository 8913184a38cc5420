"""What a run's heatmaps are worth: two checks, made once, and the mean heatmap of a class."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from medxfer.data.manifest import Manifest
from medxfer.data.marks import marks_hash
from medxfer.errors import MedxferError
from medxfer.reports.blocks import interval
from medxfer.runs.heatmaps import kept, maps_needed
from medxfer.runs.heatmaps import seconds as seconds_of
from medxfer.runs.job import ask_heatmaps
from medxfer.runs.worth import METHOD_NAMES, Checks, Dependence, OnMarks
from medxfer.ui.data.table import manifest_for
from medxfer.ui.frame import show_problem
from medxfer.ui.results.asking import begin, is_asked
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.results.judging import Result
from medxfer.ui.results.likeness import likeness_figure, likeness_table
from medxfer.ui.results.mean import draw_mean
from medxfer.ui.words import count, duration, plain, when


def draw_heatmaps(result: Result) -> None:
    """The checks or the button that makes them, then the mean heatmap."""
    st.markdown(
        "A heatmap is meant to show on which part of a picture an answer rests. Whether those of "
        "this run do is checked once: **do they change when what the network learned is "
        "destroyed**, and, where findings are marked by a mask or a box, **do they lie on the "
        "finding**?"
    )
    manifest = None
    try:
        manifest = manifest_for(result.place, result.run.run)
    except MedxferError as error:
        show_problem(error)
    marks = None if manifest is None else marks_hash(manifest)
    checks = kept(result.place, result.run.run, result.split, marks=marks)
    if checks is not None:
        _draw_checks(result, checks)
    elif manifest is not None:
        _offer(result, manifest)
    if manifest is not None:
        st.subheader("Mean heatmap of a class")
        draw_mean(result)


def marks_table(marks: OnMarks) -> pd.DataFrame:
    """Both figures on marked findings beside those of the centre, each with its interval."""
    return pd.DataFrame(
        {
            "Figure": ["Hottest point on the finding", "Part of the heat on the finding"],
            "Heatmaps": [interval(marks.pointing, 2), interval(marks.energy, 2)],
            "Centre": [interval(marks.centre_pointing, 2), interval(marks.centre_energy, 2)],
            "Difference": [interval(marks.pointing_gain, 2), interval(marks.energy_gain, 2)],
        }
    )


def _offer(result: Result, manifest: Manifest) -> None:
    maps = maps_needed(manifest, result.split)
    takes = duration(seconds_of(maps, result.run.depth))
    if st.button(
        f"Check this run's heatmaps (about {takes})", type="primary",
        icon=":material/fact_check:", key=f"{result.key}-check-heatmaps",
        disabled=is_asked(result.place, result.run.run),
    ):  # fmt: skip
        begin(ask_heatmaps(result.place, result.run.run, result.split))
    st.caption(
        f"On {result.split.words} images. It is made once and kept with the run; the report tells "
        "it too."
    )


def _draw_checks(result: Result, checks: Checks) -> None:
    first, *rest = checks.sentences
    if checks.depends is Dependence.NO:
        st.warning(plain(first), icon=":material/warning:")
    else:
        st.markdown(f"**{plain(first)}**")
    for sentence in rest:
        st.markdown(plain(sentence))
    if checks.marks is not None and checks.marks.reason:
        st.caption(f"The first that could not be used: {plain(checks.marks.reason)}")
    if checks.marks is None:
        st.caption(
            "A column `mask`, or the four box columns, in the table that is imported would tell."
        )
    if checks.likeness:
        with st.container(horizontal=True, gap="large"):
            draw_figure(
                likeness_figure(checks),
                result.mark,
                key=f"{result.key}-likeness",
                file="heatmap-likeness",
                alt="Likeness of heatmaps as weights become random; the table beside it holds the "
                "same numbers",
                width="content",
            )
            with st.container(width="content"):
                st.dataframe(
                    likeness_table(checks), hide_index=True, width="content",
                    alt="Likeness by stages made random",
                )  # fmt: skip
    if checks.marks is not None and checks.marks.pictures:
        st.dataframe(
            marks_table(checks.marks), hide_index=True,
            alt="Heatmaps on marked findings, and the centre",
        )  # fmt: skip
    _draw_terms(checks)


def _draw_terms(checks: Checks) -> None:
    method = METHOD_NAMES.get(checks.method, checks.method)
    said = (
        f"{method} at {checks.stage}, made {when(checks.made)}. In exact terms: cascading "
        "randomisation of the weights from the head to the stem (Adebayo et al. 2018), heatmaps of "
        f"the class called in {count(checks.pictures, 'image')}, one a patient, likeness by "
        "Spearman's rank correlation"
    )
    if checks.marks is not None:
        said += (
            "; pointing game (Zhang et al. 2018) and energy inside the mark (Wang et al. 2020), "
            "heatmaps of the true class, against the centre and a round spot in it"
        )
    st.caption(f"{plain(said)}. Brackets hold 95 % intervals over patients.")
