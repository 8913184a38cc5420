"""The confusion matrix, where a cell opens its images: by mouse, or by keyboard beside it.

A click on a Plotly heatmap tells the page nothing, so a transparent layer of squares lies over
it. The table beside the figure is the same thing for the keyboard.
"""

from __future__ import annotations

import streamlit as st

from medxfer.evaluation.confusion import matrix
from medxfer.evaluation.predictions import Predictions
from medxfer.reports.stamp import Stamp
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.results.matrix import Cell, confusion_figure, confusion_table

COUNTS, ROWS = "Counts", "By row"
_FIGURE, _TABLE = "figure", "table"


def draw_confusion(predictions: Predictions, mark: Stamp, key: str) -> Cell | None:
    """Draw figure and table; the cell chosen in either, None if none is."""
    counts = matrix(predictions)
    shown = st.segmented_control(
        "Show", [COUNTS, ROWS], default=COUNTS, required=True, key=f"{key}-as"
    )
    chosen = _chosen(len(predictions.classes))
    figure_key, table_key = _name(key, _FIGURE), _name(key, _TABLE)
    with st.container(horizontal=True, gap="large"):
        draw_figure(
            confusion_figure(counts, predictions.classes, shown == ROWS, chosen),
            mark,
            key=figure_key,
            file="confusion-matrix",
            alt="Confusion matrix; the table beside it holds the same numbers",
            width="content",
            on_select=lambda: _take_point(key, figure_key),
            selection_mode="points",
        )
        with st.container(width="content"):
            st.caption("Choose a cell to see its images: in the figure, or here by keyboard.")
            st.dataframe(
                confusion_table(counts, predictions.classes, shown == ROWS),
                width="content",
                key=table_key,
                on_select=lambda: _take_table_cell(key, table_key, predictions.classes),
                selection_mode="single-cell",
                alt="Confusion matrix: rows are the truth, columns the prediction",
            )
    return chosen


def close_cell(key: str) -> None:
    """No cell is chosen any more."""
    st.query_params.pop("cell", None)
    _begin_anew(key, _FIGURE)
    _begin_anew(key, _TABLE)


def _name(key: str, way: str) -> str:
    return f"{key}-{way}-{st.session_state.get(f'{key}-{way}-turn', 0)}"


def _begin_anew(key: str, way: str) -> None:
    """Forget what figure or table has selected, by a new name: choosing that again must count."""
    turn = f"{key}-{way}-turn"
    st.session_state[turn] = st.session_state.get(turn, 0) + 1


def _chosen(classes: int) -> Cell | None:
    """The cell in the address (`?cell=0-1`), if there is such a cell."""
    truth, _, predicted = st.query_params.get("cell", "").partition("-")
    if not (truth.isdecimal() and predicted.isdecimal()):
        return None
    cell = int(truth), int(predicted)
    return cell if max(cell) < classes else None


def _take_point(key: str, name: str) -> None:
    points = st.session_state[name].selection.points
    if points:
        truth, predicted = points[0]["customdata"]
        st.query_params["cell"] = f"{truth}-{predicted}"
        _begin_anew(key, _TABLE)


def _take_table_cell(key: str, name: str, classes: tuple[str, ...]) -> None:
    cells = st.session_state[name].selection.cells
    if cells and cells[0][1] in classes:
        st.query_params["cell"] = f"{cells[0][0]}-{classes.index(cells[0][1])}"
        _begin_anew(key, _FIGURE)
