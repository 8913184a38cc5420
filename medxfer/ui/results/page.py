"""A result: which part of the data, behind which lock, and one section of it at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from medxfer.data.manifest import Split
from medxfer.paths import Workspace
from medxfer.reports.circumstances import patients_known
from medxfer.reports.stamp import stamp
from medxfer.runs.decisions import decisions, looks
from medxfer.runs.job import ask_predictions
from medxfer.runs.results import saved_splits
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.results.asking import begin, draw_asking, is_asked
from medxfer.ui.results.calibration import draw_calibration
from medxfer.ui.results.confusion import draw_confusion
from medxfer.ui.results.curves import draw_curves
from medxfer.ui.results.downloads import learned_from
from medxfer.ui.results.elsewhere import draw_elsewhere
from medxfer.ui.results.failures import draw_failures
from medxfer.ui.results.figures import draw_all_figures, draw_classes, draw_headline
from medxfer.ui.results.heatmaps import draw_heatmaps
from medxfer.ui.results.images import draw_cell
from medxfer.ui.results.judging import Result, alarms_of, result_of
from medxfer.ui.results.lock import draw_lock, draw_looks, draw_unknown_looks
from medxfer.ui.results.report import draw_report
from medxfer.ui.results.subgroups import draw_subgroups
from medxfer.ui.results.threshold import draw_threshold
from medxfer.ui.results.training import draw_training_figure
from medxfer.ui.results.warnings import draw_alarms, draw_patients
from medxfer.ui.runs.choice import COMPARE_PAGE, EXPLAIN_PAGE
from medxfer.ui.runs.live import EventTail
from medxfer.ui.words import plain, split_word

_SHOWN = (str(Split.VALIDATION), str(Split.TEST))
CONFUSION = "Confusion"


def draw_result(place: Workspace, run: RunSummary) -> None:
    """Everything about one run's answers on one part of the data."""
    if run.state is RunState.STOPPED and run.best_epoch is None:
        st.warning(
            "This run was stopped before its first epoch ended: its network has learned almost "
            "nothing.",
            icon=":material/warning:",
        )
    split = _choose_split(place, run)
    draw_asking(place, run.run)
    acting = True
    if _is_saved(place, run, split):
        acting = _draw_part(place, run, split)
    else:
        _draw_training(place, run)
    st.divider()
    # One obvious next step: that of the section, where it has one.
    kind: Literal["primary", "secondary"] = "secondary" if acting else "primary"
    with st.container(horizontal=True):
        if st.button("See where the network looks", type=kind, icon=":material/search:"):
            st.switch_page(EXPLAIN_PAGE, query_params={"run": run.run})
        if st.button("Compare with another run", icon=":material/compare_arrows:"):
            st.switch_page(COMPARE_PAGE, query_params={"first": run.run})


def _draw_part(place: Workspace, run: RunSummary, split: Split) -> bool:
    """The section chosen, or the lock; whether it has a next step of its own."""
    decided, seen = decisions(place, run.run), looks(place, run.run)
    if split is Split.TEST:
        if seen.unknown:
            draw_unknown_looks(seen)
            return True
        if not decided.is_open:
            draw_lock(place, run.run, seen)
            return True
        draw_looks(seen, decided)
    elif seen.unknown:
        st.caption(f":material/lock: {plain(seen.sentence)}. Validation figures do not need it.")
    result = result_of(place, run, split, decided, seen)
    tabs = _choose_section(run)
    for tab, (title, draw) in zip(tabs, _SECTIONS.items(), strict=True):
        if tab.open:
            with tab, st.container(key=f"section-{title}"):
                draw(result)
    return any(tab.open and title in _ACTING for tab, title in zip(tabs, _SECTIONS, strict=True))


def _draw_figures(result: Result) -> None:
    """The headline first, for the eye and because alarms take longer; they appear above it."""
    above = st.container()
    draw_headline(result.predictions, result.estimates)
    draw_patients(patients_known(result.place, result.run.run, result.predictions))
    draw_all_figures(result.predictions, result.estimates)
    st.subheader("By class")
    draw_classes(result.classes)
    st.subheader("ROC and precision-recall")
    draw_curves(result)
    with above:
        draw_alarms(alarms_of(result))


def _draw_matrix(result: Result) -> None:
    chosen = draw_confusion(result.predictions, result.mark, result.key)
    if chosen is not None:
        draw_cell(result, chosen)


def _draw_learning(result: Result) -> None:
    _draw_training(result.place, result.run)


_SECTIONS: dict[str, Callable[[Result], None]] = {
    "Figures": _draw_figures,
    CONFUSION: _draw_matrix,
    "Threshold": draw_threshold,
    "Calibration": draw_calibration,
    "Subgroups": draw_subgroups,
    "Failures": draw_failures,
    "Heatmaps": draw_heatmaps,
    "Other hospital": draw_elsewhere,
    "Training": _draw_learning,
    "Report": draw_report,
}


_ACTING = ("Threshold", "Heatmaps", "Other hospital", "Report")


def _draw_training(place: Workspace, run: RunSummary) -> None:
    live = EventTail(place.run(run.run).events).read()
    if live.epochs:
        draw_training_figure(live, stamp(run, part=learned_from(live)), f"{run.run}-training")


def _is_saved(place: Workspace, run: RunSummary, split: Split) -> bool:
    """Whether there are answers; if not, after offering to ask the network now."""
    if split in saved_splits(place, run.run):
        return True
    st.info(
        "**Predictions were not made, since the run ended early.** Its best epoch is kept and can "
        "be asked now.",
        icon=":material/info:",
    )
    if st.button(
        "Evaluate it now", type="primary", icon=":material/grid_on:",
        disabled=is_asked(place, run.run),
    ):  # fmt: skip
        begin(ask_predictions(place, run.run, split))
    return False


def _choose_split(place: Workspace, run: RunSummary) -> Split:
    saved = [split for split in _SHOWN if split in saved_splits(place, run.run)]
    # Of a finished run, a part without predictions is one without images.
    whole = bool(saved) and run.state is RunState.FINISHED
    offered = saved if whole else list(_SHOWN)
    wanted = st.query_params.get("split", "")
    key = f"split-{run.run}"
    st.session_state[key] = wanted if wanted in offered else offered[0]
    split = st.segmented_control(
        "Images", offered, format_func=split_word, required=True, key=key, on_change=_chosen,
        args=(key, "split"),
    )  # fmt: skip
    return Split(split or offered[0])


def _choose_section(run: RunSummary) -> Sequence[TabContainer]:
    """The tabs; the address says which is open (`?show=Calibration`, `?cell=0-1`)."""
    if "cell" in st.query_params and "show" not in st.query_params:
        st.query_params["show"] = CONFUSION  # stays open when the cell is closed
    wanted = st.query_params.get("show", "")
    key = f"show-{run.run}"
    st.session_state[key] = wanted if wanted in _SECTIONS else next(iter(_SECTIONS))
    return st.tabs(list(_SECTIONS), key=key, on_change=_chosen, args=(key, "show"))


def _chosen(key: str, parameter: str) -> None:
    st.query_params[parameter] = st.session_state[key]
    st.query_params.pop("cell", None)
