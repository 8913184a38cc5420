"""Pictures with facts and buttons beneath, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from math import ceil
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import streamlit as st
from PIL import Image

from medxfer.data.library import DatasetInfo
from medxfer.data.thumbnails import thumbnail
from medxfer.errors import DataError
from medxfer.paths import Workspace
from medxfer.ui.data.image import open_image
from medxfer.ui.words import number, plain, split_word

_SIDE = 256
"""Pixels of the longer side of a thumbnail."""
_QUALITY = 88
_CARDS = 12
"""A page."""
_CARD = 232
"""Pixels of its width."""


def one_page(rows: pd.DataFrame, size: int, key: str, things: str) -> pd.DataFrame:
    """The rows of the page chosen under `key`, after saying which these are.

    `key` names what is listed, so that another list starts at its first page.
    """
    pages = max(1, ceil(len(rows) / size))
    # Decisions shorten a list: its last page may be gone.
    page = min(st.session_state.get(key, 1), pages)
    shown = rows.iloc[(page - 1) * size : page * size]
    first = (page - 1) * size + 1
    st.caption(
        f"{number(first)}–{number(first + len(shown) - 1)} of {number(len(rows))} {things}"
        if pages > 1
        else f"{number(len(rows))} {things}"
    )
    return shown


def turn_pages(rows: pd.DataFrame, size: int, key: str) -> None:
    """Below a list: its pages, if there are several."""
    pages = ceil(len(rows) / size)
    if pages > 1:
        if st.session_state.get(key, 1) > pages:
            st.session_state[key] = pages
        st.pagination(pages, key=key)


def draw_cards(
    rows: pd.DataFrame,
    manifest: pd.DataFrame,
    key: str,
    things: str,
    draw: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
) -> None:
    """A card for each of one page of rows with an `image`, and the pages beneath.

    `draw` fills a card from its row and that of the manifest; images that are gone have none.
    """
    shown = one_page(rows, _CARDS, key, things)
    facts = facts_of(manifest, shown["image"])
    with st.container(horizontal=True, gap="small"):
        for row in records(shown):
            if row["image"] in facts:
                with st.container(border=True, width=_CARD):
                    draw(row, facts[row["image"]])
    turn_pages(rows, _CARDS, key)


def draw_picture(place: Workspace, info: DatasetInfo, row: Mapping[str, Any]) -> None:
    """One thumbnail of a row of the manifest on a square, or why there is none."""
    try:
        picture = thumbnail(place, info.name, row, side=_SIDE)
    except DataError as error:
        st.caption(f":material/broken_image: {plain(error.problem)}")
        return
    st.image(_squared(picture), width="stretch", alt=f"{row['label']}, {row['file']}")


def _squared(picture: bytes) -> bytes:
    """On a black square, so that what stands beneath pictures of any shape stands in line."""
    shown = Image.open(BytesIO(picture)).convert("RGB")
    square = Image.new("RGB", (_SIDE, _SIDE))
    square.paste(shown, ((_SIDE - shown.width) // 2, (_SIDE - shown.height) // 2))
    buffer = BytesIO()
    square.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def draw_facts(
    place: Workspace, info: DatasetInfo, row: Mapping[str, Any], key: str, bold: str = ""
) -> None:
    """Class, part, patient and file of one picture, which opens it; `bold` names what differs."""
    facts = {
        "label": plain(row["label"]),
        "split": plain(split_word(row["split"])),
        "patient": f"patient {plain(row['patient'])}" if info.patients_known else "",
    }
    told = [f"**{text}**" if name in bold else text for name, text in facts.items() if text]
    with st.container(gap=None):
        st.markdown(" · ".join(told))
        name = plain(PurePosixPath(row["file"]).name)
        if st.button(name, key=f"open-{key}", type="tertiary", help="Open it, with its facts"):
            st.query_params["image"] = row["image"]
            open_image(place, info)


def facts_of(table: pd.DataFrame, images: pd.Series[str]) -> dict[str, dict[str, Any]]:
    """The rows of a manifest by the ids of these images; those that are gone are not in it."""
    rows = table[table["image"].isin(images)]
    return {row["image"]: row for row in records(rows)}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each by the names of the columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
