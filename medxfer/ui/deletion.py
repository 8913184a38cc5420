"""What every deletion asks and says."""

from __future__ import annotations

from typing import Protocol

import streamlit as st

from medxfer.bin import KEPT
from medxfer.ui.people import who

BIN_PAGE = "pages/workspace/bin.py"
_DELETED = "deleted"


class Delete(Protocol):
    """Deletes something, into the bin or for good."""

    def __call__(self, *, by: str, for_good: bool) -> None: ...


def ask(what: str, delete: Delete, page: str) -> None:
    """Keep or delete, inside a dialog; after deleting, `page` is shown with a word about it.

    `what` is Markdown, so a name in it has gone through `plain`.
    """
    for_good = st.checkbox(
        "Delete for good, not into the bin",
        help=f"From the bin it can be brought back for {KEPT.days} days. Deleted for good, its "
        "files leave this computer's workspace now.",
    )
    buttons = st.container(horizontal=True, horizontal_alignment="right")
    if buttons.button("Keep it"):
        st.rerun()
    if buttons.button("Delete", type="primary", icon=":material/delete:"):
        delete(by=who(), for_good=for_good)
        st.query_params.clear()
        # Said by the next page: a toast of this one would go with it.
        st.session_state[_DELETED] = (
            f"{what} was deleted for good."
            if for_good
            else f"{what} was deleted. It stays in the bin for {KEPT.days} days."
        )
        st.switch_page(page)


def say_deleted() -> None:
    """A word about what has just been deleted; nothing if nothing was."""
    if words := st.session_state.pop(_DELETED, ""):
        st.toast(words)
