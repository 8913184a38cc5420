"""The images of one confusion-matrix cell with their heatmaps, on one sheet to take away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from medxfer.events import Tell
from medxfer.reports.exports import sheet_png
from medxfer.ui.people import noting
from medxfer.ui.results.asking import ask_network, remembered
from medxfer.ui.results.judging import Result
from medxfer.ui.results.matrix import Cell
from medxfer.ui.words import plain

if TYPE_CHECKING:
    from medxfer.runs.overview import Sheet


def draw_sheet(result: Result, chosen: Cell) -> None:
    """The sheet of a cell once it was asked for, else the button that makes it."""
    made = remembered(("sheet", *result.answers, *chosen))
    if made:
        _draw_made(result, chosen, made[0])
    elif st.button(
        "Contact sheet with heatmaps", icon=":material/grid_view:", key=f"{result.key}-sheet",
        help="Up to 24 images of this cell, each beside itself under its heatmap, as one picture.",
    ):  # fmt: skip
        ask_network(partial(_make, result, chosen))


def _make(result: Result, chosen: Cell, tell: Tell) -> None:
    # Loads torch, which a page that only shows what is saved must not pay for.
    from medxfer.runs.overview import sheet_of_cell

    made = sheet_of_cell(result.place, result.run.run, *chosen, split=result.split, tell=tell)
    remembered(("sheet", *result.answers, *chosen))[:] = [made]


def _draw_made(result: Result, chosen: Cell, made: Sheet) -> None:
    caption = made.caption(result.split)
    st.image(made.pixels, width="stretch", alt=caption)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(caption))
        name = f"{result.key}-sheet-{chosen[0]}-{chosen[1]}"
        st.download_button(
            "Download the sheet (PNG)",
            noting(
                result.place, f"sheet of heatmaps, run {result.run.run}",
                lambda: sheet_png(made.pixels, caption, result.mark),
            ),
            file_name=f"{name}.png", mime="image/png", on_click="ignore",
            icon=":material/download:", key=f"{name}-download",
        )  # fmt: skip
