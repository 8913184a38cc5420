"""What in a result should make one stop, above its figures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxfer.evaluation.alarms import Alarm
from medxfer.evaluation.severity import Severity
from medxfer.ui.words import plain


def draw_alarms(alarms: Sequence[Alarm]) -> None:
    """One box a severity, the worst first: each alarm a sentence and what to do about it."""
    worst = [alarm for alarm in alarms if alarm.severity is Severity.BLOCKING]
    serious = [alarm for alarm in alarms if alarm.severity is Severity.SERIOUS]
    notes = [alarm for alarm in alarms if alarm.severity is Severity.NOTE]
    if worst:
        st.error(_told(worst, "Do not use these figures"), icon=":material/error:")
    if serious:
        st.warning(_told(serious, "Before you trust these figures"), icon=":material/warning:")
    if notes:
        st.info(_told(notes, "Worth knowing"), icon=":material/info:")


def draw_patients(known: bool | None) -> None:
    """Where an image counts as a patient, or nobody can tell any more whether it did."""
    if known is None:
        st.caption(
            "Whether patients were told apart when the data set was divided is not known any more. "
            "If they were not, these figures are probably too good."
        )
    elif not known:
        st.warning(
            "Patients are not known, so these figures are probably too good.",
            icon=":material/warning:",
        )


def _told(alarms: Sequence[Alarm], heading: str) -> str:
    if len(alarms) == 1:
        return _sentence(alarms[0])
    return f"**{heading}**\n\n" + "\n".join(f"- {_sentence(alarm)}" for alarm in alarms)


def _sentence(alarm: Alarm) -> str:
    return f"**{plain(alarm.problem)}** {plain(alarm.remedy)}"
