"""Patients on more than one side, and how much each class and part could tell."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from medxfer.audit.record import Audit
from medxfer.data.library import DatasetInfo
from medxfer.paths import Workspace
from medxfer.ui.data.facts import offer_set_aside
from medxfer.ui.words import count, split_word

_CHECK = "patients on more than one side"


def draw_sizes(place: Workspace, info: DatasetInfo, audit: Audit) -> None:
    """The patients who are in several parts, then images and patients by class and part."""
    st.subheader("Patients on more than one side")
    shared = audit.tables["patients_across_splits"]
    if _CHECK in audit.not_checked:
        st.info(
            "**Patients are not known**, so this could not be checked. Import again with a "
            "patient column, or with a pattern that finds the patient in the file name.",
            icon=":material/info:",
        )
    elif shared.empty:
        st.markdown(":material/check: No patient is in more than one part.")
    else:
        st.markdown(
            f"**{count(len(shared), 'patient')}** with images in more than one part. The network "
            "is tested on people it has learned from."
        )
        names = {name: split_word(name) for name in ("train", "val", "test")}
        st.dataframe(
            shared.rename(columns={"patient": "Patient", **names}),
            hide_index=True,
            height=min(320, 38 + 35 * len(shared)),
            alt="Patients in more than one part, with their number of images in each",
        )
        offer_set_aside(place, info)
    st.subheader("Classes and parts")
    st.markdown(
        "How well a sensitivity of 0.90 would be known from so many "
        f"{'patients' if info.patients_known else 'images'}: the 95 % interval it would have."
    )
    st.dataframe(_sizes(audit, info), hide_index=True, alt="Images by class and part")


def _sizes(audit: Audit, info: DatasetInfo) -> pd.DataFrame:
    table = audit.tables["too_few"]
    told = {
        "Class": table["label"],
        "Part": table["split"].map(split_word),
        "Images": table["images"],
        "Patients": table["patients"],
        "0.90 would be known within": [
            f"{low:.2f} to {high:.2f}" if low == low else "nothing"
            for low, high in zip(table["low"], table["high"], strict=True)
        ],
    }
    if not info.patients_known:
        told.pop("Patients")
    return pd.DataFrame(told)
