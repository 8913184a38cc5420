"""A data set's rows as the pages need them: read once, filtered, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from medxfer.data.library import DatasetInfo, dataset_info, load_manifest
from medxfer.data.manifest import Manifest
from medxfer.paths import Workspace
from medxfer.runs.store import load_run, trained_on


@dataclass(frozen=True)
class Filter:
    """What the person wants to see; None and "" mean everything.

    `search` is part of a patient id, a file name or an image id, in any case.
    """

    label: str | None = None
    split: str | None = None
    search: str = ""


def manifest_of(place: Workspace, info: DatasetInfo) -> Manifest:
    """The rows of a data set; the same object for every page until they change."""
    return _manifest(place, info.name, info.manifest_hash, info.split_hash)


def manifest_for(place: Workspace, run: str) -> Manifest:
    """The rows of the data set that a run was trained on, as they were then.

    Raises:
        DataError: the data set is gone or damaged.
        RunError: its images, classes or parts are others now.
    """
    loaded = load_run(place, run)
    manifest = manifest_of(place, dataset_info(place, loaded.config.data))
    trained_on(loaded, manifest)
    return manifest


# A resource, not data: 100,000 rows would be copied at every click. Nobody writes to it.
@st.cache_resource(max_entries=4, show_spinner="Reading the data set …")
def _manifest(_place: Workspace, name: str, manifest_hash: str, split_hash: str) -> Manifest:
    return load_manifest(_place, name)


def matching(table: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """The rows that fit, in the same order."""
    keep = pd.Series(data=True, index=table.index)
    if wanted.label is not None:
        keep &= table["label"] == wanted.label
    if wanted.split is not None:
        keep &= table["split"] == wanted.split
    if search := wanted.search.strip():
        found = pd.Series(data=False, index=table.index)
        for column in ("patient", "file", "image"):
            found |= table[column].str.contains(search, case=False, regex=False)
        keep &= found
    return table[keep]


def picture_sizes(manifest: Manifest) -> pd.DataFrame:
    """Width and height in pixels by class: least, median and largest, and the file formats.

    Sizes that differ between classes are a shortcut a network may learn instead of the finding.
    """
    rows = []
    for name in manifest.classes:
        part = manifest.table[manifest.table["label"] == name]
        if part.empty:
            continue
        rows.append(
            {
                "Class": name,
                "Smallest": _size(part, 0.0),
                "Median": _size(part, 0.5),
                "Largest": _size(part, 1.0),
                "Format": ", ".join(sorted(part["format"].unique())),
                "Stored as": ", ".join(sorted(part["mode"].unique())),
            }
        )
    return pd.DataFrame(rows)


def _size(part: pd.DataFrame, quantile: float) -> str:
    return f"{part['width'].quantile(quantile):.0f} × {part['height'].quantile(quantile):.0f}"
