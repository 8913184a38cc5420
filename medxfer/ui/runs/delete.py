"""Deleting a run, asked twice."""

from __future__ import annotations

from functools import partial

import streamlit as st

from medxfer.errors import RunError
from medxfer.paths import Workspace
from medxfer.runs.deleting import remove_run, run_users
from medxfer.runs.summary import RunSummary
from medxfer.ui.deletion import ask
from medxfer.ui.frame import boundary
from medxfer.ui.runs.choice import RUNS_PAGE, run_label
from medxfer.ui.words import plain


@st.dialog("Delete this run?")
@boundary()
def confirm_delete_run(place: Workspace, run: RunSummary) -> None:
    """Say what goes and what stays, then delete; not while something needs it."""
    if users := run_users(place, run.run, run_label):
        raise RunError(
            f"{run_label(run)} is in use: {'; '.join(users)}.",
            "Stop that, or wait until it has ended.",
        )
    st.markdown(
        f"**{plain(run_label(run))}** leaves the list of runs: its network, its curves and its "
        "predictions."
    )
    st.markdown("The data set stays, and so do runs that were started from this one.")
    ask("The run", partial(remove_run, place, run.run), RUNS_PAGE)
