"""Images of a result as pictures that open their heatmaps, such as those behind one cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.data.thumbnails import thumbnail
from medxfer.errors import DataError, MedxferError
from medxfer.evaluation.confusion import cell
from medxfer.paths import Workspace
from medxfer.runs.summary import RunSummary
from medxfer.ui.data.table import manifest_for
from medxfer.ui.frame import show_problem
from medxfer.ui.gallery import Tile, gallery
from medxfer.ui.results.confusion import close_cell
from medxfer.ui.results.judging import Result
from medxfer.ui.results.matrix import Cell
from medxfer.ui.results.sheet import draw_sheet
from medxfer.ui.runs.choice import EXPLAIN_PAGE
from medxfer.ui.words import count, plain

_PAGE = 24


def draw_cell(result: Result, chosen: Cell) -> None:
    """The images of one cell, the most confident answers first; a click explains one."""
    truth, called = (result.predictions.classes[index] for index in chosen)
    images, key = cell(result.predictions, *chosen), result.key
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**{plain(truth)}, called {plain(called)}: {count(len(images), 'image')}**"
            )
            st.button("Close", icon=":material/close:", key=f"{key}-close", on_click=close_cell,
                      args=(key,))  # fmt: skip
        if images.empty:
            st.caption("No image is in this cell.")
            return
        st.caption("The most confident answers first. Open an image to see its heatmap.")
        draw_sheet(result, chosen)
        draw_images(result.place, result.run, images, f"{key}-{chosen}")


def draw_images(place: Workspace, run: RunSummary, images: pd.DataFrame, key: str) -> None:
    """Rows of `Predictions.table` as pictures, a page at a time; a click explains one."""
    page_key = f"{key}-page"
    pages = -(-len(images) // _PAGE)
    begin = (st.session_state.get(page_key, 1) - 1) * _PAGE
    _draw_page(place, run, images.iloc[begin : begin + _PAGE], key)
    if pages > 1:
        st.pagination(pages, key=page_key)


def _draw_page(place: Workspace, run: RunSummary, images: pd.DataFrame, key: str) -> None:
    try:
        table = manifest_for(place, run.run).table
    except MedxferError as error:
        show_problem(error)
        _draw_without_pictures(images)
        return
    shown = table[table["image"].isin(images["image"])].set_index("image")
    known = images[images["image"].isin(table["image"])]
    tiles = list(_tiles(place, run.data, known, shown))
    picked = gallery(tiles, key=f"{key}-gallery")
    if picked:
        st.switch_page(EXPLAIN_PAGE, query_params={"run": run.run, "image": picked})
    lacking = images[~images["image"].isin([tile.id for tile in tiles])]
    if not lacking.empty:
        st.caption(
            f"{count(len(lacking), 'image')} can no longer be shown: the files changed or went "
            "away since training."
        )
        _draw_without_pictures(lacking)


def _tiles(
    place: Workspace, data: str, images: pd.DataFrame, table: pd.DataFrame
) -> Iterator[Tile]:
    for image in images.to_dict("records"):
        row: Mapping[str, Any] = {"image": image["image"], **table.loc[image["image"]]}
        try:
            picture = thumbnail(place, data, row)
        except DataError:
            continue
        called = image["prediction"]
        yield Tile(
            image["image"],
            picture,
            f"{called} {100 * image[f'p({called})']:.1f} %",
            f"truth {image['truth']}",
        )


def _draw_without_pictures(images: pd.DataFrame) -> None:
    st.dataframe(images, hide_index=True, alt="Images without their pictures")
