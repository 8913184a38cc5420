"""What makes results too good or too uncertain, in one box."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxfer.data.library import DatasetInfo
from medxfer.ui.words import plain


def draw_unknown_patients(info: DatasetInfo, figures: str = "these figures") -> None:
    """Where an image counts as a patient: one patient may be in train and in test."""
    if not info.patients_known:
        st.warning(
            f"Patients are not known, so {figures} are probably too good.",
            icon=":material/warning:",
        )


def draw_warnings(warnings: Sequence[str]) -> None:
    """One warning as it is, several as a list under one heading; nothing for none."""
    if len(warnings) == 1:
        st.warning(plain(warnings[0]), icon=":material/warning:")
    elif warnings:
        lines = "\n".join(f"- {plain(warning)}" for warning in warnings)
        st.warning(f"**Before you trust a result**\n\n{lines}", icon=":material/warning:")
