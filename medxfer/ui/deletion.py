"""What every deletion asks and says."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

_DELETED = "deleted"


def ask(what: str, delete: Callable[[], None], page: str) -> None:
    """Keep or delete, inside a dialog; after deleting, `page` is shown with a word about it.

    `what` is Markdown, so a name in it has gone through `plain`.
    """
    buttons = st.container(horizontal=True, horizontal_alignment="right")
    if buttons.button("Keep it"):
        st.rerun()
    if buttons.button("Delete", type="primary", icon=":material/delete:"):
        delete()
        st.query_params.clear()
        # Said by the next page: a toast of this one would go with it.
        st.session_state[_DELETED] = what
        st.switch_page(page)


def say_deleted() -> None:
    """A word about what has just been deleted; nothing if nothing was."""
    if what := st.session_state.pop(_DELETED, ""):
        st.toast(f"{what} was deleted.")
