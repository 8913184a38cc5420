"""Buttons that store a choice together with the decisions it was made under."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from medxfer.errors import MedxferError
from medxfer.runs.decisions import Decisions
from medxfer.ui.frame import show_problem


def decide_button(
    label: str,
    decided: Decisions,
    decide: Callable[[Decisions], object],
    *,
    key: str,
    kind: Literal["primary", "secondary", "tertiary"] = "secondary",
    disabled: bool = False,
    icon: str | None = None,
) -> None:
    """Press it, and `decide` is given what was in force when the person saw the button.

    Something else may be in force by now, decided in another tab; then it refuses, in a sentence.
    """
    drawn = f"{key}-drawn"
    pressed = st.button(
        label, key=key, type=kind, disabled=disabled, icon=icon,
        on_click=_remember, args=(drawn, decided),
    )  # fmt: skip
    if not pressed:
        return
    try:
        decide(st.session_state.pop(drawn, decided))
    except MedxferError as error:
        show_problem(error)
    else:
        st.rerun()


def _remember(key: str, decided: Decisions) -> None:
    st.session_state[key] = decided
