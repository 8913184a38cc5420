"""A result from top to bottom: figures, confusion matrix, report, curves, downloads."""

from __future__ import annotations

import streamlit as st

from medxfer.data.manifest import Split
from medxfer.evaluation.predictions import Predictions
from medxfer.paths import Workspace
from medxfer.reports.stamp import stamp
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.runs.summary import RunSummary
from medxfer.ui.results.confusion import draw_confusion
from medxfer.ui.results.curves import draw_curves
from medxfer.ui.results.downloads import draw_downloads
from medxfer.ui.results.figures import draw_all_figures, draw_headline, draw_report
from medxfer.ui.results.images import draw_cell
from medxfer.ui.runs.charts import draw_training
from medxfer.ui.runs.choice import EXPLAIN_PAGE
from medxfer.ui.runs.live import EventTail
from medxfer.ui.words import split_word

_SHOWN = (str(Split.VALIDATION), str(Split.TEST))


def draw_result(place: Workspace, run: RunSummary) -> None:
    """Everything about one run's answers on one part of the data."""
    split = _choose_split(place, run)
    predictions = load_predictions(place, run.run, split)
    key = f"{run.run}-{split}"
    draw_headline(predictions)
    draw_all_figures(predictions)
    st.subheader("Confusion matrix")
    _draw_matrix(place, run, predictions, key)
    st.subheader("Report by class")
    draw_report(predictions)
    st.subheader("ROC and precision-recall")
    draw_curves(predictions, stamp(run), key)
    st.subheader("Training")
    live = EventTail(place.run(run.run).events).read()
    draw_training(live, key=f"result-{run.run}")
    st.subheader("Download")
    draw_downloads(run, split, predictions, live)
    st.divider()
    if st.button("See where the network looks", type="primary", icon=":material/search:"):
        st.switch_page(EXPLAIN_PAGE, query_params={"run": run.run})


def _choose_split(place: Workspace, run: RunSummary) -> str:
    saved = [split for split in _SHOWN if split in saved_splits(place, run.run)]
    wanted = st.query_params.get("split", "")
    if not saved:
        # The core says why there is nothing to show.
        return wanted or _SHOWN[0]
    key = f"split-{run.run}"
    st.session_state[key] = wanted if wanted in saved else saved[0]
    split = st.segmented_control(
        "Images", saved, format_func=split_word, required=True, key=key, on_change=_chosen,
        args=(key,),
    )  # fmt: skip
    if split == Split.TEST:
        st.info(
            "**The test set is for the end.** Look at it once, when you have settled on a run. "
            "Choosing between runs by their test figures makes those figures too good.",
            icon=":material/info:",
        )
    return split or saved[0]


def _chosen(key: str) -> None:
    st.query_params["split"] = st.session_state[key]
    st.query_params.pop("cell", None)


def _draw_matrix(place: Workspace, run: RunSummary, predictions: Predictions, key: str) -> None:
    chosen = draw_confusion(predictions, stamp(run), key)
    if chosen is not None:
        draw_cell(place, run, predictions, chosen, key)
