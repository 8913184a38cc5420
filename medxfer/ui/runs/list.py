"""The table of all runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.paths import Workspace
from medxfer.runs.queue import waiting
from medxfer.runs.store import list_runs
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.frame import boundary
from medxfer.ui.runs.choice import (
    NEW_PAGE,
    RUN_PAGE,
    STATE_WORDS,
    strategy_word,
    weights_word,
)
from medxfer.ui.runs.waiting import draw_no_worker
from medxfer.ui.words import count, duration

_REFRESH_SECONDS = 5
_EVERYTHING = "All data sets"


def runs_table(runs: Sequence[RunSummary], queue: Sequence[str] = ()) -> pd.DataFrame:
    """One row a run, in words; the order is kept. `queue` are the waiting runs, next one first."""
    return pd.DataFrame(
        {
            "State": [_state(run, queue) for run in runs],
            "Data set": [run.data for run in runs],
            "Validation AUROC": [run.validation.get("auroc") for run in runs],
            "Network": [f"ResNet-{run.depth}" for run in runs],
            "Strategy": [strategy_word(run.strategy) for run in runs],
            "Weights": [weights_word(run.weights) for run in runs],
            "Epochs": [run.epochs for run in runs],
            "Created": [run.created for run in runs],
            "Took": [duration(run.seconds) if run.seconds else "" for run in runs],
            "Note": [run.note for run in runs],
            "Run": [run.run for run in runs],
        }
    )


def _state(run: RunSummary, queue: Sequence[str]) -> str:
    word = STATE_WORDS[run.state]
    if run.state is RunState.WAITING and run.run in queue:
        return f"{word}, number {queue.index(run.run) + 1}"
    return word


def draw_runs(place: Workspace) -> None:
    """All runs with a filter by data set, kept up to date while one is going on."""
    runs = list_runs(place)
    if not runs:
        st.info(
            "**No run yet.** A run trains a network on one of your data sets; you can watch it "
            "here while it learns.",
            icon=":material/info:",
        )
        st.page_link(NEW_PAGE, label="Train a model", icon=":material/model_training:")
        return
    active = any(not run.state.ended for run in runs)
    st.fragment(_draw_table, run_every=_REFRESH_SECONDS if active else None)(place)


@boundary()
def _draw_table(place: Workspace) -> None:
    runs, order = list_runs(place), waiting(place)
    if order:
        draw_no_worker(place)
    names = sorted({run.data for run in runs})
    if len(names) > 1:
        chosen = st.selectbox("Data set", [_EVERYTHING, *names], key="runs-data", width=320)
        runs = [run for run in runs if chosen in (_EVERYTHING, run.data)]
    st.caption(f"{count(len(runs), 'run')}. Select a row to open the run.")
    table = st.dataframe(
        runs_table(runs, order),
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="single-row",
        key="runs-table",
        column_config=_columns(),
        alt="All runs with state, data set, network, strategy and best validation AUROC",
    )
    rows = table.selection.rows
    if rows and rows[0] < len(runs):
        st.switch_page(RUN_PAGE, query_params={"run": runs[rows[0]].run})


def _columns() -> dict[str, Any]:
    return {
        "State": st.column_config.TextColumn(width=150),
        "Validation AUROC": st.column_config.NumberColumn(format="%.3f", help="Of the best epoch"),
        "Epochs": st.column_config.NumberColumn(help="Epochs done", width="small"),
        "Created": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
        "Took": st.column_config.TextColumn(width="small"),
    }
