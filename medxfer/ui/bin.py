"""What is in the bin, with its way back and its way out."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxfer.bin import Binned, Kind
from medxfer.paths import Workspace
from medxfer.runs.deleting import remove_for_good, restore
from medxfer.ui.data.choice import DATA_PAGE
from medxfer.ui.frame import boundary
from medxfer.ui.people import who
from medxfer.ui.runs.choice import RUN_PAGE
from medxfer.ui.words import count, plain, when

_ICONS = {Kind.RUN: ":material/show_chart:", Kind.DATASET: ":material/photo_library:"}


def draw_entry(place: Workspace, entry: Binned) -> None:
    """One thing: what it was, who deleted it and until when it stays."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words = st.container(gap=None)
        title, more = (entry.name, entry.about)
        if entry.kind is Kind.RUN:  # whose name is only a time
            title, more = more, title
        words.markdown(f"{_ICONS[entry.kind]} **{plain(title)}** · {plain(more)}")
        words.caption(
            f"{str(entry.kind).capitalize()}, deleted {when(entry.deleted)} by {plain(entry.by)}; "
            f"goes for good {when(entry.until)}"
        )
        if st.button("Restore", icon=":material/undo:", key=f"restore-{entry.id}"):
            _restore(place, entry)
        if st.button("Delete for good", type="tertiary", key=f"remove-{entry.id}"):
            confirm_removal(place, [entry])


def offer_to_empty(place: Workspace, entries: Sequence[Binned]) -> None:
    """The way to delete all of it now."""
    if st.button("Empty the bin", icon=":material/delete_forever:", type="tertiary"):
        confirm_removal(place, entries)


@st.dialog("Delete for good?")
@boundary()
def confirm_removal(place: Workspace, entries: Sequence[Binned]) -> None:
    """Say that there is no way back, then delete."""
    names = ", ".join(f"**{plain(entry.name)}**" for entry in entries[:3])
    more = f" and {count(len(entries) - 3, 'more')}" if len(entries) > 3 else ""  # noqa: PLR2004
    st.markdown(f"{names}{more} will be gone, with no way back.")
    buttons = st.container(horizontal=True, horizontal_alignment="right")
    if buttons.button("Keep it"):
        st.rerun()
    if buttons.button("Delete for good", type="primary", icon=":material/delete_forever:"):
        for entry in entries:
            remove_for_good(place, entry, by=who())
        st.rerun()


def _restore(place: Workspace, entry: Binned) -> None:
    target = place.dataset(entry.name).root if entry.kind is Kind.DATASET else None
    if target is not None and target.exists():
        ask_for_name(place, entry)
    else:
        _bring_back(place, entry, entry.name)


@st.dialog("Another name is needed")
@boundary()
def ask_for_name(place: Workspace, entry: Binned) -> None:
    """Ask under which name a data set comes back, its own being taken."""
    st.markdown(f"There is another data set called **{plain(entry.name)}** now.")
    name = st.text_input("Name", value=f"{entry.name} restored")
    if st.button("Restore", type="primary", icon=":material/undo:"):
        _bring_back(place, entry, name.strip())


def _bring_back(place: Workspace, entry: Binned, name: str) -> None:
    restored = restore(place, entry, by=who(), name=name)
    if entry.kind is Kind.RUN:
        st.switch_page(RUN_PAGE, query_params={"run": restored})
    st.switch_page(DATA_PAGE, query_params={"data": restored})
