"""Deleting a data set, asked twice."""

from __future__ import annotations

import streamlit as st

from medxfer.data.library import DatasetInfo, delete_dataset
from medxfer.errors import DataError
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs
from medxfer.ui.data.choice import DATA_PAGE
from medxfer.ui.deletion import ask
from medxfer.ui.frame import boundary
from medxfer.ui.runs.choice import run_label
from medxfer.ui.words import count, plain


@st.dialog("Delete this data set?")
@boundary()
def confirm_delete(place: Workspace, info: DatasetInfo) -> None:
    """Say what goes and what stays, then delete; not while a run learns from it."""
    if using := [
        run_label(run) for run in list_runs(place) if run.data == info.name and not run.state.ended
    ]:
        raise DataError(
            f"{info.name} is in use by {count(len(using), 'run')}: {'; '.join(using)}.",
            "Stop it, or wait until it has ended.",
        )
    st.markdown(
        f"**{plain(info.name)}** with {count(info.images, 'image')} leaves this workspace: its "
        "table, its parts, its thumbnails and the images that were unpacked here."
    )
    st.markdown(
        "Images that were imported from a folder stay where they are. Finished runs keep their "
        "results. Decoded copies in the workspace's cache go too."
    )
    ask(plain(info.name), lambda: delete_dataset(place, info.name), DATA_PAGE)
