"""A result from top to bottom: figures, confusion matrix, report, curves, downloads."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from medxfer.data.library import dataset_info
from medxfer.data.manifest import Split
from medxfer.errors import DataError
from medxfer.evaluation.predictions import Predictions
from medxfer.paths import Workspace
from medxfer.reports.stamp import stamp
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.data.warnings import draw_unknown_patients
from medxfer.ui.results.confusion import draw_confusion
from medxfer.ui.results.curves import draw_curves
from medxfer.ui.results.downloads import about, draw_downloads, learned_from
from medxfer.ui.results.figures import draw_all_figures, draw_headline, draw_report
from medxfer.ui.results.images import draw_cell
from medxfer.ui.results.training import draw_training_figure
from medxfer.ui.runs.choice import EXPLAIN_PAGE
from medxfer.ui.runs.live import EventTail
from medxfer.ui.words import split_word

_SHOWN = (str(Split.VALIDATION), str(Split.TEST))


def draw_result(place: Workspace, run: RunSummary) -> None:
    """Everything about one run's answers on one part of the data."""
    if run.state is RunState.STOPPED and run.best_epoch is None:
        st.warning(
            "This run was stopped before its first epoch ended: its network has learned almost "
            "nothing.",
            icon=":material/warning:",
        )
    split = _choose_split(place, run)
    predictions = _predictions(place, run, split)
    if predictions is not None:
        _draw_answers(place, run, split, predictions)
    live = EventTail(place.run(run.run).events).read()
    if live.epochs:
        st.subheader("Training")
        draw_training_figure(live, stamp(run, part=learned_from(live)), f"{run.run}-training")
    if predictions is not None:
        st.subheader("Download")
        draw_downloads(run, split, predictions, live)
    st.divider()
    if st.button("See where the network looks", type="primary", icon=":material/search:"):
        st.switch_page(EXPLAIN_PAGE, query_params={"run": run.run})


def _draw_answers(place: Workspace, run: RunSummary, split: str, predictions: Predictions) -> None:
    key = f"{run.run}-{split}"
    draw_headline(predictions)
    # A data set that has been deleted is said where its images are asked for.
    with suppress(DataError):
        draw_unknown_patients(dataset_info(place, run.data))
    draw_all_figures(predictions)
    st.subheader("Confusion matrix")
    mark = stamp(run, part=about(split, predictions))
    chosen = draw_confusion(predictions, mark, key)
    if chosen is not None:
        draw_cell(place, run, predictions, chosen, key)
    st.subheader("Report by class")
    draw_report(predictions)
    st.subheader("ROC and precision-recall")
    draw_curves(predictions, mark, key)


def _predictions(place: Workspace, run: RunSummary, split: str) -> Predictions | None:
    """What is saved; None after offering to ask the network now."""
    if split in saved_splits(place, run.run):
        return load_predictions(place, run.run, split)
    st.info(
        "**Predictions were not made, since the run ended early.** Its best epoch is kept and can "
        "be asked now.",
        icon=":material/info:",
    )
    if st.button("Evaluate it now", type="primary", icon=":material/grid_on:"):
        with st.spinner(f"Evaluating every {split_word(split).lower()} image …"):
            # Loads torch, which a page that only shows what is saved must not pay for.
            from medxfer.runs.evaluate import evaluated

            evaluated(place, run.run, Split(split))
        st.rerun()
    return None


def _choose_split(place: Workspace, run: RunSummary) -> str:
    saved = [split for split in _SHOWN if split in saved_splits(place, run.run)]
    # Of a finished run, a part without predictions is one without images.
    whole = bool(saved) and run.state is RunState.FINISHED
    offered = saved if whole else list(_SHOWN)
    wanted = st.query_params.get("split", "")
    key = f"split-{run.run}"
    st.session_state[key] = wanted if wanted in offered else offered[0]
    split = st.segmented_control(
        "Images", offered, format_func=split_word, required=True, key=key, on_change=_chosen,
        args=(key,),
    )  # fmt: skip
    if split == Split.TEST:
        st.info(
            "**The test set is for the end.** Look at it once, when you have settled on a run. "
            "Choosing between runs by their test figures makes those figures too good.",
            icon=":material/info:",
        )
    return split or offered[0]


def _chosen(key: str) -> None:
    st.query_params["split"] = st.session_state[key]
    st.query_params.pop("cell", None)
