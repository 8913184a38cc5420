"""Deleting a run, asked twice."""

from __future__ import annotations

import streamlit as st

from medxfer.paths import Workspace
from medxfer.runs.store import delete_run
from medxfer.runs.summary import RunSummary
from medxfer.ui.deletion import ask
from medxfer.ui.frame import boundary
from medxfer.ui.runs.choice import RUNS_PAGE, run_label
from medxfer.ui.words import plain


@st.dialog("Delete this run?")
@boundary()
def confirm_delete_run(place: Workspace, run: RunSummary) -> None:
    """Say what goes and what stays, then delete."""
    st.markdown(
        f"**{plain(run_label(run))}** leaves this workspace: its network, its curves and its "
        "predictions."
    )
    st.markdown("The data set stays, and so do runs that were started from this one.")
    ask("The run", lambda: delete_run(place, run.run), RUNS_PAGE)
