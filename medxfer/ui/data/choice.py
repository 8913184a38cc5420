"""Which data set a page shows."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxfer.data.library import DatasetInfo
from medxfer.ui.words import plain

DATA_PAGE = "pages/data/browse.py"
IMPORT_PAGE = "pages/data/add.py"

_BOX = "data-choice"
_LAST = "data-last"


def choose_dataset(infos: Sequence[DatasetInfo], label: str = "Data set") -> DatasetInfo:
    """The data set named by `?data=`, else the last one looked at, else the newest.

    `infos` holds at least one. A name that is gone is said and another shown.
    """
    by_name = {info.name: info for info in infos}
    wanted = st.query_params.get("data", "")
    if wanted and wanted not in by_name:
        st.warning(
            f"**There is no data set called “{plain(wanted)}” in this workspace.** It may have "
            "been deleted or renamed. Another one is shown instead.",
            icon=":material/info:",
        )
    newest = max(infos, key=lambda info: info.created).name
    last = st.session_state.get(_LAST, newest)
    chosen = next(name for name in (wanted, last, newest) if name in by_name)
    # The address is what counts: a link to another data set moves the box along.
    st.session_state[_BOX] = chosen
    st.session_state[_LAST] = chosen
    st.selectbox(label, sorted(by_name), key=_BOX, on_change=_chosen)
    st.query_params["data"] = chosen
    return by_name[chosen]


def lead_to_import(words: str) -> None:
    """Where there is no data set yet: say so, and the one thing to do about it."""
    st.info(f"**{words}** Import a folder of labelled images first.", icon=":material/info:")
    if st.button("Import images", type="primary", icon=":material/upload:"):
        st.switch_page(IMPORT_PAGE)


def synthetic_badge(info: DatasetInfo) -> None:
    """Phantoms say so wherever they are named."""
    if info.synthetic:
        st.badge("Synthetic phantoms, not patients", icon=":material/science:", color="orange")


def _chosen() -> None:
    name = st.session_state[_BOX]
    st.query_params.clear()
    st.query_params["data"] = name
