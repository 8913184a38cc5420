"""What a run was started with, folded away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.runs.store import Run
from medxfer.ui.runs.live import Live

LABELS = {
    "data": "Data set",
    "depth": "Network (ResNet-)",
    "weights": "Pretrained weights",
    "strategy": "What should learn",
    "from_stage": "First stage that learns",
    "head": "New classifier (head)",
    "hidden": "Units between (hidden)",
    "dropout_in": "Dropout before",
    "dropout_out": "Dropout after",
    "preset": "How training images are varied (augmentation)",
    "views": "Views of each image that are kept (views)",
    "imbalance": "Classes of different size",
    "early_stopping": "Epochs without a better figure before stopping (patience)",
    "monitor": "Figure that decides which epoch is best",
    "positive": "The finding (positive class)",
    "schedule": "Learning-rate schedule",
    "device": "Computed on (device)",
}
"""As on the form of a new run; other settings are called by their name."""


def settings_table(values: Mapping[str, Any]) -> pd.DataFrame:
    """One row a setting, nested ones by their path in words."""
    return pd.DataFrame(list(_rows(values)), columns=["Setting", "Value"])


def draw_settings(run: Run, live: Live) -> None:
    """The run's settings and where it ran."""
    with st.expander("Settings", icon=":material/tune:"):
        st.dataframe(settings_table(run.config.model_dump(mode="json")), hide_index=True)
        if live.started is None:
            return
        place = live.started.model_dump(
            mode="json",
            include={"device", "precision", "threads", "weights", "images", "parameters"},
        )
        place["versions"] = live.started.versions
        place["data fingerprint"] = live.started.manifest_hash[:12]
        place["split fingerprint"] = live.started.split_hash[:12]
        st.markdown("**Where and on what it ran**")
        st.dataframe(settings_table(place), hide_index=True)


def _rows(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = above + LABELS.get(name, name.replace("_", " ").capitalize())
        if isinstance(value, Mapping):
            yield from _rows(value, f"{label} · ")
        elif value is None:
            yield label, "automatic" if name == "views" else "none"
        elif value != "":
            yield label, f"{value:,}" if name == "parameters" else str(value)
