"""Who uses the app: the account that signed in, or whoever works at this computer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st
from streamlit import config

from medxfer import RESEARCH_USE_ONLY
from medxfer.activity import local_user, note
from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.ui.frame import boundary, show_problem
from medxfer.ui.server.account import is_allowed, sign_in_configured
from medxfer.ui.server.address import check_address, is_local, told_open
from medxfer.ui.words import plain
from medxfer.ui.workspace import workspace

T = TypeVar("T")
_SESSIONS = 1000


def who() -> str:
    """The person as the list of activity names them: their e-mail, or the user of the system."""
    return _name(_account()) if sign_in_configured() else local_user()


def noting(place: Workspace, thing: str, make: Callable[[], T]) -> Callable[[], T]:
    """What makes a download, noting that it was asked for; who asks is known while drawing only."""
    person = who()

    def made() -> T:
        note(place, person, "exported", thing)
        return make()

    return made


def is_admitted() -> bool:
    """Whether this person may see the pages; noted once for each time they signed in."""
    if not sign_in_configured():
        return _is_for_here()
    account = _account()
    if not account or not is_allowed(account):
        return False
    with boundary():
        _note_once(workspace(), _name(account), str(account.get("iat", "")))
    return True


def draw_entrance() -> None:
    """What a person sees instead of the pages: how to sign in, or why they may not."""
    if not sign_in_configured():
        _draw_closed()
        return
    st.space("large")
    _, middle, _ = st.columns([1, 2, 1])
    with middle.container(border=True):
        account = _account()
        st.title("medxfer")
        if account:
            st.markdown(
                f"**{plain(_name(account))} is not on the list of people who may use this app.** "
                "Ask whoever runs it, or sign in with another account."
            )
            _sign_out("Use another account")
        else:
            st.markdown(
                "Fine-tune a pretrained network on labelled scans, see how good it is and where "
                "it looked. Sign in with the account of your institution."
            )
            with boundary():
                st.button(
                    "Sign in", type="primary", icon=":material/login:", on_click=st.login,
                    width="stretch",
                )  # fmt: skip
        st.caption(RESEARCH_USE_ONLY)


def draw_account() -> None:
    """Who is signed in, and the way out; that the app is open, where it is."""
    if sign_in_configured():
        st.caption(f"Signed in as {plain(who())}")
        _sign_out("Sign out")
    elif told_open():
        st.caption(
            ":material/lock_open: Open: whoever can reach this address can use this app and see "
            "its images."
        )


def _sign_out(label: str) -> None:
    st.button(label, type="tertiary", icon=":material/logout:", on_click=st.logout)


def _account() -> dict[str, Any]:
    """What the provider says of the person; {} if nobody has signed in."""
    found = st.user.to_dict()
    return found if found.get("is_logged_in") is True else {}


def _name(account: dict[str, Any]) -> str:
    return str(account.get("email") or account.get("name") or account.get("sub") or "unknown")


def _is_for_here() -> bool:
    """Whether the server listens where only this computer can ask, or was told that it is open."""
    return told_open() or is_local(config.get_option("server.address") or "")


def _draw_closed() -> None:
    try:
        check_address(config.get_option("server.address") or "", sign_in=False)
    except MedxferError as error:
        show_problem(error)


@st.cache_resource(max_entries=_SESSIONS, show_spinner=False)
def _note_once(_place: Workspace, person: str, issued: str) -> bool:
    """Note a sign-in; the same one again, as after a reload, is answered from the cache.

    A sign-in that outlives the app is noted again when the app has been started anew.
    """
    note(_place, person, "signed in")
    return True
