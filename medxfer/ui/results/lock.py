"""The test set behind its lock: why, how often it was opened, and opening it on purpose."""

from __future__ import annotations

import streamlit as st

from medxfer.errors import RunError
from medxfer.paths import Workspace
from medxfer.runs.decision_log import By
from medxfer.runs.decisions import Decisions, Looks, open_test
from medxfer.ui.frame import boundary, show_problem
from medxfer.ui.people import who

WHY = (
    "A test figure is honest as long as nothing was chosen by it. Settle on a run, a threshold and "
    "a temperature with the validation figures; then look here once."
)
_COUNTED = "The look is counted and dated, and the count stands beside every test figure."


def draw_lock(place: Workspace, run: str, looks: Looks) -> None:
    """In place of test figures: why they are not shown, and the way to open them."""
    with st.container(border=True):
        st.subheader(":material/lock: The test set is locked", anchor=False)
        st.markdown(WHY)
        if looks.this_run:
            st.markdown(
                "It was opened before under **another threshold or temperature**: with those in "
                "force now it is a new look."
            )
        st.caption(f"{looks.sentence}.")
        if st.button("Open the test set", type="primary", icon=":material/lock_open:"):
            confirm_opening(place, (run,))


def draw_looks(looks: Looks, decided: Decisions) -> None:
    """How often the test set was opened, where its figures stand."""
    under = []
    if decided.temperature and decided.temperature.on:
        under.append(f"temperature {decided.temperature.value:.2f}")
    if decided.threshold is not None:
        under.append(f"threshold {decided.threshold:.3f}")
    said = f" Seen with {' and '.join(under)}." if under else ""
    st.caption(f":material/lock_open: {looks.sentence}.{said}")


def draw_unknown_looks(looks: Looks) -> None:
    """In place of test figures: that nobody knows how often they were seen, and the way out."""
    try:
        looks.check()
    except RunError as error:
        show_problem(error)


def warn_of_change(decided: Decisions) -> None:
    """Where something is about to be changed under which the test set was seen."""
    if decided.is_open:
        st.caption(
            ":material/lock_open: The test set was opened with what is in force now. After a "
            "change it is locked again, and the next look counts again."
        )


@st.dialog("Open the test set?")
@boundary()
def confirm_opening(place: Workspace, runs: tuple[str, ...]) -> None:
    """Say what opening means, then open and count."""
    whose = "this run" if len(runs) == 1 else "both runs"
    st.markdown(f"You will see how {whose} did on images that nothing was chosen by. {_COUNTED}")
    st.markdown(
        "If you change the threshold, the temperature, the uncertain band or the sets afterwards, "
        "looking again counts again."
    )
    buttons = st.container(horizontal=True, horizontal_alignment="right")
    if buttons.button("Keep it locked"):
        st.rerun()
    if buttons.button("Open and count it", type="primary", icon=":material/lock_open:"):
        for run in runs:
            open_test(place, run, By.PAGE, who())
        st.rerun()
