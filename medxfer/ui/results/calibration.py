"""Do the probabilities mean what they say: a diagram, plain words, one switch to correct them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError
from medxfer.evaluation.calibration import BINNING, Calibration
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.temperature import fit_temperature
from medxfer.paths import Workspace
from medxfer.reports.blocks import interval, number
from medxfer.runs.decisions import decide_temperature
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.ui.people import who
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.results.judging import Result
from medxfer.ui.results.lock import warn_of_change
from medxfer.ui.results.reliability import reliability_figure
from medxfer.ui.words import plain

_DIAGRAM, _WORDS = 560, 340
"""Pixels of the diagram and of what it says."""
_MEANING = (
    "**Expected calibration error**: how far a probability is from what came true, on average. "
    "**Slope**: 1 is right; below 1 the probabilities are too extreme, above 1 too timid. "
    "**Intercept**: 0 is right; above 0 the class is more common than claimed, below 0 less. "
    "**In the large**: the same with the slope held at 1."
)


def draw_calibration(result: Result) -> None:
    """The switch first, then what these images show."""
    _draw_switch(result)
    checked = result.calibration
    if checked is None:
        st.info("No image here has a known truth, so nothing can be told.", icon=":material/info:")
        return
    # Not columns: on a narrow window the words go below.
    with st.container(horizontal=True, gap="large"):
        _draw_diagram(result, checked)
        with st.container(width=_WORDS):
            _draw_words(checked)
    with st.expander("Figures and bins"):
        st.dataframe(calibration_table(checked), hide_index=True, alt="Calibration figures")
        st.dataframe(bins_table(checked.bins), hide_index=True, alt="Bins of the diagram")
        st.caption(f"{_MEANING} {BINNING}")


def _draw_diagram(result: Result, checked: Calibration) -> None:
    with st.container(width=_DIAGRAM):
        two = len(result.predictions.classes) == 2  # noqa: PLR2004
        claimed = checked.lines[0].name if two else ""
        draw_figure(
            reliability_figure(checked.bins, claimed),
            result.mark,
            key=f"{result.key}-reliability",
            file="reliability",
            alt="Reliability diagram: " + _told(checked.bins),
        )


def calibration_table(checked: Calibration) -> pd.DataFrame:
    """One row a figure: name, value with interval in words."""
    rows = [
        ("Expected calibration error", interval(checked.error)),
        ("It would stay below, if every probability were right", number(checked.error_if_right)),
        ("Brier score (lower is better)", interval(checked.brier)),
    ]
    for line in checked.lines:
        rows += [
            (f"Slope, {line.name}", interval(line.slope)),
            (f"Intercept, {line.name}", interval(line.intercept)),
            (f"In the large, {line.name}", interval(line.in_the_large)),
        ]
    return pd.DataFrame(rows, columns=["Figure", "Value (95 % interval)"])


def bins_table(bins: pd.DataFrame) -> pd.DataFrame:
    """The reliability diagram for readers: claimed, came true with interval, images."""
    came = [interval(Estimate.of_row(row, "observed")) for row in bins.to_dict("records")]
    return pd.DataFrame(
        {
            "Claimed": [number(value) for value in bins["probability"]],
            "Came true (95 % interval)": came,
            "Images": bins["n"],
        }
    )


def error_sentence(checked: Calibration) -> str:
    """What the expected calibration error says, and whether so few images can show it."""
    error = checked.error
    if error.value is None:
        return "How far probabilities are off cannot be told."
    said = f"On average a probability is off by **{100 * error.value:.1f} percentage points**"
    if error.low is not None and error.high is not None:
        said += f" ({100 * error.low:.1f} to {100 * error.high:.1f})"
    right = 100 * checked.error_if_right
    if error.value <= checked.error_if_right:
        return (
            f"{said}. That shows nothing: with so few patients right ones may seem off by up to "
            f"{right:.1f} too."
        )
    return (
        f"{said}; right ones would seem off by more than {right:.1f} in only 1 of 20 data sets of "
        "as many images and patients."
    )


def slope_sentence(slope: Estimate) -> str:
    """What the calibration slope says in words; only what its interval can show."""
    if slope.value is None or slope.low is None or slope.high is None:
        return "whether they are too extreme cannot be told from these images"
    if slope.high < 1:
        return f"**too extreme**: high ones too high, low ones too low (slope {interval(slope, 2)})"
    if slope.low > 1:
        return f"**too timid**: too close to the middle (slope {interval(slope, 2)})"
    return f"neither shown to be too extreme nor too timid (slope {interval(slope, 2)}, 1 is right)"


def intercept_sentence(level: Estimate) -> str:
    """What calibration in the large says in words."""
    if level.value is None or level.low is None or level.high is None:
        return "whether they are too high or too low on the whole cannot be told"
    words = f"intercept {interval(level, 2)}, 0 is right"
    if level.high < 0:
        return f"on the whole **too high** ({words})"
    if level.low > 0:
        return f"on the whole **too low** ({words})"
    return f"on the whole neither shown to be too high nor too low ({words})"


def _draw_words(checked: Calibration) -> None:
    st.markdown(error_sentence(checked))
    for line in checked.lines:
        st.markdown(
            f"Probabilities of “{plain(line.name)}”:\n\n"
            f"- {slope_sentence(line.slope)}\n- {intercept_sentence(line.in_the_large)}"
        )
    st.caption(
        f"{checked.n:,} images of {checked.patients:,} patients. Each dot is a group of images "
        "with similar probabilities; on the dotted line claims come true. A dot whose line crosses "
        "the dotted one shows nothing wrong."
    )


def _draw_switch(result: Result) -> None:
    decided, place, run = result.decided, result.place, result.run.run
    try:
        value = _temperature(place, run)
    except EvaluationError as error:
        st.caption(f"No temperature can be offered: {plain(error.problem)}")
        return
    if value is None:
        return
    on = bool(decided.temperature and decided.temperature.on)
    shown = decided.temperature.value if decided.temperature and on else value
    # A key of its own for each state: what is stored counts, not what the browser remembers.
    wanted = st.toggle(
        f"Make the probabilities {'less' if shown >= 1 else 'more'} extreme (temperature "
        f"{shown:.2f}, fitted on validation)",
        on,
        key=f"temperature-{run}-{on}",
        help="Divides what the network says before it becomes a probability by one number: above 1 "
        "makes it less certain, below 1 more. It changes no order of images, and the operating "
        "point moves along.",
    )
    if wanted != on:
        decide_temperature(place, run, on=wanted, by=who())
        st.rerun()
    if on and decided.temperature and decided.temperature.after_training:
        st.caption(
            "Switched on by itself, because training did not count all images alike (class "
            "weights, balanced sampling or focal loss), which moves probabilities: "
            f"{decided.temperature.effect}"
        )
    warn_of_change(decided)


def _temperature(place: Workspace, run: str) -> float | None:
    if Split.VALIDATION not in saved_splits(place, run):
        return None
    path = place.run(run).predictions(Split.VALIDATION)
    return _fitted(load_predictions(place, run, Split.VALIDATION), path, path.stat().st_mtime_ns)


@st.cache_resource(max_entries=50, show_spinner=False)
def _fitted(_answers: Predictions, path: Path, modified: int) -> float:
    return fit_temperature(_answers)


def _told(bins: pd.DataFrame) -> str:
    return "; ".join(
        f"claimed {row.probability:.2f}, came true {row.observed:.2f} of {row.n}"
        for row in bins.itertuples()
    )
