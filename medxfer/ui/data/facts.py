"""The facts of a data set: how much, of what, in which part, and what to beware of."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from medxfer.data.library import DatasetInfo, load_skipped, resplit
from medxfer.data.manifest import Manifest, Split
from medxfer.paths import Workspace
from medxfer.reports.exports import table_csv
from medxfer.reports.stamp import stamp
from medxfer.ui.data.table import picture_sizes
from medxfer.ui.words import count, number, plain, split_word

_BAR_HEIGHT = 36
_AXIS_AND_LEGEND_HEIGHT = 120
_PATIENTS_NAMED = 40


def draw_numbers(info: DatasetInfo) -> None:
    """The four numbers a person asks for first."""
    figures = st.container(horizontal=True, gap="medium")
    figures.metric("Images", number(info.images), width=120)
    known = number(info.patients) if info.patients_known else "not known"
    figures.metric("Patients", known, width=150, help=plain(info.patient_source))
    figures.metric("Classes", number(len(info.classes)), width=100)
    for split in Split:
        if (images := info.splits.get(split, 0)) or split is not Split.EXCLUDED:
            figures.metric(f"{split_word(split)} images", number(images), width=150)


def offer_set_aside(place: Workspace, info: DatasetInfo) -> None:
    """Where patients are on both sides of the given parts: take them out of training."""
    across = info.patients_across_splits
    if not across or info.options.set_aside_overlap:
        return
    with st.expander(f"The {count(len(across), 'patient')} on both sides"):
        st.text(
            ", ".join(across[:_PATIENTS_NAMED]) + (" …" if len(across) > _PATIENTS_NAMED else "")
        )
        st.caption("Their images leave training and validation; the test part stays as given.")
        if st.button("Set them aside", icon=":material/group_remove:"):
            resplit(place, info.name, set_aside_overlap=True)
            st.rerun()


def draw_classes(manifest: Manifest, info: DatasetInfo) -> None:
    """Images by class and part, as bars and as a table; then how the parts were made."""
    counts = manifest.counts()
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.vega_lite_chart(
            _long(counts),
            _bars(len(counts)),
            alt="Number of images by class, divided into train, validation and test",
        )
    table = counts.rename(columns=split_word).assign(All=counts.sum(axis=1))
    right.dataframe(
        table.rename_axis("Class").reset_index(),
        hide_index=True,
        alt="Images by class and part",
    )
    if info.split_notes:
        st.markdown("**How the images were divided**")
        st.markdown("\n".join(f"- {plain(note)}" for note in info.split_notes))
    if info.patients_known:
        st.caption(f"Patients are told apart by {plain(info.patient_source)}.")
    else:
        st.caption("Patients are not known: each image counts as a patient of its own.")


def draw_sizes(manifest: Manifest) -> None:
    """Picture sizes by class, with the reason to look at them."""
    st.dataframe(picture_sizes(manifest), hide_index=True, alt="Image sizes by class, pixels")
    st.caption(
        "Width × height in pixels, each on its own. If the classes differ clearly here, a network "
        "may learn where an image came from instead of what it shows."
    )


def draw_skipped(place: Workspace, info: DatasetInfo) -> None:
    """The files that could not be used, each with its reason, and a download."""
    if not info.skipped:
        st.caption("Every file could be used.")
        return
    table = load_skipped(place, info.name)
    st.caption(f"{count(info.skipped, 'file')} could not be used. The rest is not affected.")
    st.dataframe(table, hide_index=True, height=320, alt="Files left out and why")
    st.download_button(
        "Download this list",
        table_csv(table, stamp()),
        file_name=f"{info.name} files left out.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _long(counts: pd.DataFrame) -> pd.DataFrame:
    order = {str(split): place for place, split in enumerate(Split)}
    long = counts.rename_axis("Class").reset_index().melt("Class", var_name="split", value_name="n")
    return pd.DataFrame(
        {
            "Class": long["Class"],
            "Part": long["split"].map(split_word),
            "order": long["split"].map(order),
            "Images": long["n"],
        }
    )


def _bars(classes: int) -> dict[str, object]:
    parts = [split_word(split) for split in Split]
    return {
        "height": max(2, classes) * _BAR_HEIGHT + _AXIS_AND_LEGEND_HEIGHT,
        "mark": {"type": "bar", "height": {"band": 0.62}},
        "encoding": {
            "y": {
                "field": "Class",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"labelOverlap": False},
            },
            "x": {"field": "Images", "type": "quantitative", "title": "Images", "stack": "zero"},
            "color": {
                "field": "Part",
                "type": "nominal",
                "sort": parts,
                "legend": {"orient": "top", "title": None},
            },
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [{"field": "Class"}, {"field": "Part"}, {"field": "Images", "format": ","}],
        },
    }
