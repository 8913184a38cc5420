"""Deleting a data set, asked twice."""

from __future__ import annotations

from functools import partial

import streamlit as st

from medxfer.data.library import DatasetInfo
from medxfer.errors import DataError
from medxfer.paths import Workspace
from medxfer.runs.deleting import dataset_users, remove_dataset
from medxfer.runs.store import list_runs
from medxfer.ui.data.choice import DATA_PAGE
from medxfer.ui.deletion import ask
from medxfer.ui.frame import boundary
from medxfer.ui.runs.choice import run_label
from medxfer.ui.words import count, plain


@st.dialog("Delete this data set?")
@boundary()
def confirm_delete(place: Workspace, info: DatasetInfo) -> None:
    """Say what goes and what stays, then delete; not while something needs it."""
    if users := dataset_users(place, info.name, run_label):
        raise DataError(
            f"{info.name} is in use: {'; '.join(users)}.",
            "Stop that, or wait until it has ended.",
        )
    st.markdown(
        f"**{plain(info.name)}** with {count(info.images, 'image')} leaves the list of data sets: "
        "its table, its parts, its thumbnails and the images that were unpacked here."
    )
    st.markdown(
        "Images that were imported from a folder stay where they are. Finished runs keep their "
        "results. Decoded copies in the workspace's cache go at once."
    )
    if still := [r for r in list_runs(place) if r.data == info.name and r.state.can_go_on]:
        st.markdown(
            f"{count(len(still), 'run')} on it could go on; without the data set "
            f"{'it' if len(still) == 1 else 'they'} cannot."
        )
    ask(plain(info.name), partial(remove_dataset, place, info.name), DATA_PAGE)
