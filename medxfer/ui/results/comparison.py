"""Two runs on the same images: the sentence, the differences with intervals, the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from medxfer.data.manifest import Split
from medxfer.evaluation.comparison import Comparison, compare, conclusion
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Predictions
from medxfer.paths import Workspace
from medxfer.reports.blocks import interval
from medxfer.reports.stamp import stamp
from medxfer.runs.comparing import side_by_side
from medxfer.runs.decisions import decisions, looks
from medxfer.runs.results import saved_splits
from medxfer.runs.store import list_runs
from medxfer.runs.summary import RunSummary
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.results.figures import LABELS, Estimates
from medxfer.ui.results.intervals import Dot, interval_figure
from medxfer.ui.results.judging import estimates_of, key_of
from medxfer.ui.results.lock import WHY, confirm_opening, draw_looks
from medxfer.ui.runs.choice import NEW_PAGE, RESULT_PAGE, distinct_labels, run_label
from medxfer.ui.words import count, plain, split_word

A, B = "Run A", "Run B"
_LESS_IS_BETTER = ("brier", "log_loss")
_SMALLEST_P = 0.001


def choose_two(place: Workspace) -> tuple[RunSummary, RunSummary] | None:
    """The runs named in the address (`?first=…&second=…`), else the two newest of one data set."""
    runs = [run for run in list_runs(place) if run.has_model]
    pairs = [run for run in runs if sum(other.data == run.data for other in runs) > 1]
    if not pairs:
        st.info(
            "**It takes two trained runs on the same data set to compare.** Train another one: "
            "deeper, longer, or with other weights.",
            icon=":material/info:",
        )
        st.page_link(NEW_PAGE, label="Train a model", icon=":material/model_training:")
        return None
    left, right = st.columns(2)
    with left:
        first = _choose(A, "first", pairs)
    with right:
        second = _choose(
            B, "second", [run for run in pairs if run.data == first.data and run.run != first.run]
        )
    return first, second


def draw_comparison(place: Workspace, first: RunSummary, second: RunSummary) -> None:
    """Validation, or test once it is open for both."""
    common = [
        split for split in (Split.VALIDATION, Split.TEST)
        if all(split in saved_splits(place, run.run) for run in (first, second))
    ]  # fmt: skip
    if not common:
        st.info("These runs have no predictions of the same images.", icon=":material/info:")
        return
    split = st.segmented_control(
        "Images", common, format_func=split_word, default=common[0], required=True,
        key="compare-split",
    ) or common[0]  # fmt: skip
    if split is Split.TEST and not _is_open(place, first, second):
        return
    answers = side_by_side(place, first.run, second.run, split)
    keys = tuple(
        key_of(place.run(run.run).predictions(split), decisions(place, run.run))
        for run in (first, second)
    )
    found = _compared(*answers, keys)
    each = [estimates_of(*pair) for pair in zip(answers, keys, strict=True)]
    _draw(found, first, second, split, comparison_table(found, *each))


def comparison_table(found: Comparison, first: Estimates, second: Estimates) -> pd.DataFrame:
    """One row a figure: A, B, and A minus B, each with its interval."""
    names = list(found.differences)
    return pd.DataFrame(
        {
            "Figure": [
                LABELS[name] + (" (lower is better)" if name in _LESS_IS_BETTER else "")
                for name in names
            ],
            "A minus B (95 % interval)": [interval(found.differences[name]) for name in names],
            "Shown": [_shown(name, found.differences[name]) for name in names],
            A: [interval(first[name]) for name in names],
            B: [interval(second[name]) for name in names],
        }
    )


def _draw(
    found: Comparison,
    first: RunSummary,
    second: RunSummary,
    split: Split,
    table: pd.DataFrame,
) -> None:
    st.subheader(plain(conclusion(found, A, B)), anchor=False)
    st.caption(
        f"{count(found.images, 'image')} of {count(found.patients, 'patient')} "
        f"({split_word(split).lower()}), the same for both runs. Intervals: 95 %, by a bootstrap "
        "that draws the same patients for both; a difference is shown where 0 lies outside."
    )
    drawn = [
        Dot(LABELS[name], each, marked=_shown(name, each) != "")
        for name, each in found.differences.items() if name != "log_loss"
    ]  # fmt: skip
    mark = replace(
        stamp(first, part=f"{split_word(split).lower()}, {count(found.images, 'image')}"),
        run=f"{first.run} minus {second.run}",
    )
    draw_figure(
        interval_figure(drawn, "Run A minus run B", 0.0, "no difference", share=False),
        mark, key=f"{first.run}-{second.run}-{split}", file="comparison",
        alt="Differences of all figures with 95 % intervals; the table below holds the same",
    )  # fmt: skip
    st.dataframe(table, hide_index=True, alt="Figures of both runs and their differences")
    st.caption(
        "Of so many figures some differ by chance: the sentence on top is about AUROC and accuracy "
        "only."
    )
    _draw_tests(found)
    if st.button("Open the result of run A", icon=":material/grid_on:"):
        st.switch_page(RESULT_PAGE, query_params={"run": first.run})


def _draw_tests(found: Comparison) -> None:
    st.markdown(
        f"- **AUROC, DeLong's test** (by patients): p {_p(found.delong_p)}.\n"
        f"- **Accuracy, McNemar's test**: only run A was right on "
        f"{count(found.only_first_right, 'image')}, only run B on "
        f"{count(found.only_second_right, 'image')}; p {_p(found.mcnemar_p)}."
    )
    if found.patients < found.images:
        st.caption(
            "McNemar's test takes images for independent; with several a patient its p is too "
            "small. Go by the interval."
        )


def _p(value: float | None) -> str:
    if value is None:
        return "not defined"
    return f"= {value:.3f}" if value >= _SMALLEST_P else "below 0.001"


def _shown(name: str, found: Estimate) -> str:
    """Who is better, where 0 lies outside of the interval."""
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return ""
    a_better = (found.low > 0) != (name in _LESS_IS_BETTER)
    return "A better" if a_better else "B better"


def _is_open(place: Workspace, first: RunSummary, second: RunSummary) -> bool:
    states = [(run, decisions(place, run.run), looks(place, run.run)) for run in (first, second)]
    closed = tuple(run.run for run, decided, _ in states if not decided.is_open)
    if not closed:
        draw_looks(states[0][2], states[0][1])
        return True
    with st.container(border=True):
        st.subheader(":material/lock: The test set is locked", anchor=False)
        st.markdown(WHY)
        st.markdown("**Choosing between runs by their test figures makes those too good.**")
        st.caption(f"{states[0][2].sentence}.")
        if st.button("Open the test set", type="primary", icon=":material/lock_open:"):
            confirm_opening(place, closed)
    return False


def _choose(label: str, parameter: str, runs: Sequence[RunSummary]) -> RunSummary:
    names = {run.run: run for run in runs}
    wanted = st.query_params.get(parameter, "")
    key = f"compare-{parameter}"
    # The address is what counts, as for the run of a result.
    st.session_state[key] = wanted if wanted in names else runs[0].run
    labels = distinct_labels(runs, _label)
    picked = st.selectbox(
        label, list(names), format_func=labels.__getitem__, key=key,
        on_change=_chosen, args=(key, parameter),
    )  # fmt: skip
    st.query_params[parameter] = picked
    return names[picked]


def _label(run: RunSummary) -> str:
    return run_label(run) + (f" · {run.note}" if run.note else "")


def _chosen(key: str, parameter: str) -> None:
    st.query_params[parameter] = st.session_state[key]


@st.cache_resource(max_entries=12, show_spinner="Comparing patient by patient …")
def _compared(_first: Predictions, _second: Predictions, keys: tuple[object, ...]) -> Comparison:
    return compare(_first, _second)
