"""A scan unlike the training scans: why nothing is predicted, and the way on all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from medxfer.runs.summary import RunSummary
from medxfer.ui.explain.source import Scan
from medxfer.ui.words import plain

if TYPE_CHECKING:
    from medxfer.runs.answering import Answer

_INSISTED = "explain-insisted"


def insisted(run: RunSummary, scan: Scan) -> bool:
    """Whether the person wants an answer about this scan all the same, in this session."""
    return (run.run, scan.digest) in st.session_state.get(_INSISTED, ())


def draw_refusal(run: RunSummary, scan: Scan, said: Answer) -> None:
    """Why there is no answer, and the button that asks for one all the same."""
    if said.familiarity is None:
        st.warning(
            f"**No prediction yet.** {plain(said.unknown)}\n\nLook at the scan first: the run can "
            "only judge what is like the scans it learned from.",
            icon=":material/help:",
        )
    else:
        reasons = "".join(f"\n- {plain(check.words)}" for check in said.familiarity.reasons)
        st.warning(
            "**No prediction: this scan is unlike those the run was trained on.** It stands out "
            f"more than {_share(said.familiarity.farther_than)} the run knows, in{reasons}\n\nIs "
            "it the right file, body part and view? A network answers about anything, often with a "
            "high probability.",
            icon=":material/block:",
        )
    if st.button("Predict all the same", icon=":material/front_hand:", key="explain-insist"):
        st.session_state.setdefault(_INSISTED, set()).add((run.run, scan.digest))
        st.rerun()


def _share(part: float) -> str:
    return "any of the scans" if part >= 1 else f"{100 * part:.0f} of 100 scans"


def draw_familiarity(said: Answer) -> None:
    """One line about a scan that is answered about: familiar, or only because of insisting."""
    if not said.insisted:
        st.caption(f":material/verified: {plain(said.sentence)}")
        return
    st.warning(
        f"**You asked for this prediction all the same.** {plain(said.sentence)} Do not rely on "
        "it.",
        icon=":material/front_hand:",
    )
