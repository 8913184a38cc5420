"""The pictures of a data set: filters, pages of thumbnails, and one picture with its facts."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import PurePosixPath

import pandas as pd
import streamlit as st

from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import Split
from medxfer.data.thumbnails import thumbnail
from medxfer.errors import DataError
from medxfer.paths import Workspace
from medxfer.ui.data.image import open_image
from medxfer.ui.data.table import Filter, manifest_of, matching
from medxfer.ui.frame import boundary, show_problem
from medxfer.ui.gallery import LARGEST_PAGE, Tile, gallery
from medxfer.ui.words import count, number, split_word

_PAGE_SIZES = (24, 36, LARGEST_PAGE)
_SPLITS = tuple(str(split) for split in Split)


@st.fragment
@boundary()
def draw_images(place: Workspace, info: DatasetInfo) -> None:
    """Filters and one page of thumbnails; a click opens a picture."""
    manifest = manifest_of(place, info)
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        wanted = _filter(info.name, manifest.classes)
        size = st.selectbox("Images a page", _PAGE_SIZES, key="page-size", width=130)
    rows = matching(manifest.table, wanted)
    if rows.empty:
        st.info("**No image fits these filters.** Take one of them away.", icon=":material/info:")
        return
    pages = ceil(len(rows) / size)
    # A new filter starts at its first page.
    page = st.session_state.get(_page_key(info.name, wanted, size), 1)
    shown = rows.iloc[(page - 1) * size : page * size]
    st.caption(
        f"{number((page - 1) * size + 1)}–{number((page - 1) * size + len(shown))} of "
        f"{count(len(rows), 'image')}. Select one to see it large, with its facts."
    )
    picked = gallery(tiles_of(place, info, shown), key=f"gallery-{info.name}")
    if pages > 1:
        st.pagination(pages, key=_page_key(info.name, wanted, size))
    if picked is not None:
        st.query_params["image"] = picked
        open_image(place, info)


def _filter(name: str, classes: Sequence[str]) -> Filter:
    label = st.selectbox(
        "Class", classes, index=None, placeholder="All", key=f"{name}-class", width=220
    )
    split = st.selectbox(
        "Part",
        _SPLITS,
        index=None,
        placeholder="All",
        format_func=split_word,
        key=f"{name}-split",
        width=160,
    )
    search = st.text_input(
        "Patient or file",
        type="search",
        key=f"{name}-search",
        width=240,
        placeholder="Part of a name",
        max_chars=100,
    )
    return Filter(label, split, search or "")


def _page_key(name: str, wanted: Filter, size: int) -> str:
    return f"page-{name}-{wanted.label}-{wanted.split}-{wanted.search}-{size}"


def tiles_of(place: Workspace, info: DatasetInfo, rows: pd.DataFrame) -> list[Tile]:
    """Thumbnails of these rows; one that cannot be read says so instead."""
    tiles = []
    for _, row in rows.iterrows():
        try:
            picture = thumbnail(place, info.name, row)
        except DataError as error:
            show_problem(error)
            continue
        who = row["patient"] if info.patients_known else PurePosixPath(row["file"]).name
        detail = f"{who} · {split_word(row['split'])}"
        tiles.append(Tile(row["image"], picture, row["label"], detail))
    return tiles
