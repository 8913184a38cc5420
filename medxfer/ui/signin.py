"""Who is asking: the page before the app where sign-in is set up, and the way out of it."""

from __future__ import annotations

import streamlit as st

from medxfer import RESEARCH_USE_ONLY
from medxfer.ui.server.account import is_allowed, sign_in_configured
from medxfer.ui.theme import ASSETS
from medxfer.ui.words import plain


def may_go_on() -> bool:
    """Whether the person may use the app; else the page says what to do instead."""
    if not sign_in_configured():
        return True
    if not st.user.is_logged_in:
        _draw_sign_in()
        return False
    if not is_allowed(st.user.to_dict()):
        _draw_refusal()
        return False
    return True


def draw_account() -> None:
    """For the sidebar: who is signed in, and the way out; nothing where nobody has to be."""
    if sign_in_configured():
        st.caption(f":material/person: {plain(account_name())}")
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)


def account_name() -> str:
    """The e-mail address that signed in, else the name the provider gives."""
    known = st.user.to_dict()
    return str(known.get("email") or known.get("name") or known.get("sub") or "unknown")


def _draw_sign_in() -> None:
    with _middle():
        st.title("Sign in", anchor=False)
        st.markdown(
            "medxfer trains networks on labelled scans and shows how far to trust them. This one "
            "belongs to people who are known here: sign in with the account of your institution."
        )
        st.button(
            "Sign in", type="primary", icon=":material/login:", on_click=st.login, width="stretch"
        )
        st.caption(RESEARCH_USE_ONLY)


def _draw_refusal() -> None:
    with _middle():
        st.title("This account is not on the list", anchor=False)
        st.markdown(
            f"You are signed in as **{plain(account_name())}**. Whoever runs this app has to add "
            "you to its list; or sign in with another account."
        )
        st.button("Sign out", type="primary", icon=":material/logout:", on_click=st.logout)
        st.caption(RESEARCH_USE_ONLY)


def _middle() -> st.delta_generator.DeltaGenerator:
    """A narrow column in the middle of the page, under the mark."""
    _, middle, _ = st.columns([1, 1.2, 1])
    middle.image(str(ASSETS / "mark.svg"), width=56)
    return middle.container()
