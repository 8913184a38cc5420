"""The confusion matrix, where a cell opens its images: by mouse, or by keyboard beside it.

A click on a Plotly heatmap tells the page nothing, so a transparent layer of squares lies over
it. The table beside the figure is the same thing for the keyboard.
"""

from __future__ import annotations

import streamlit as st

from medxfer.evaluation.confusion import matrix
from medxfer.evaluation.predictions import Predictions
from medxfer.reports.stamp import Stamp
from medxfer.ui.result_foot import with_foot
from medxfer.ui.result_matrix import Cell, confusion_figure, confusion_table

COUNTS, ROWS = "Counts", "By row"


def draw_confusion(predictions: Predictions, mark: Stamp, key: str) -> Cell | None:
    """Draw figure and table; the cell chosen in either, None if none is."""
    counts = matrix(predictions)
    shown = st.segmented_control(
        "Show", [COUNTS, ROWS], default=COUNTS, required=True, key=f"{key}-as"
    )
    chosen = _chosen(len(predictions.classes))
    # A new name after each "close", or choosing the same cell again would be no change.
    turn = f"{key}-{st.session_state.get(f'{key}-turn', 0)}"
    with st.container(horizontal=True, gap="large"):
        st.plotly_chart(
            with_foot(
                confusion_figure(counts, predictions.classes, shown == ROWS, chosen),
                mark,
            ),
            width="content",
            key=f"{turn}-figure",
            on_select=lambda: _take_point(turn),
            selection_mode="points",
            config={"displaylogo": False, "toImageButtonOptions": {"filename": "confusion-matrix"}},
            alt="Confusion matrix; the table beside it holds the same numbers",
        )
        with st.container(width="content"):
            st.caption("Choose a cell to see its images: in the figure, or here by keyboard.")
            st.dataframe(
                confusion_table(counts, predictions.classes, shown == ROWS),
                width="content",
                key=f"{turn}-table",
                on_select=lambda: _take_table_cell(turn, predictions.classes),
                selection_mode="single-cell",
                alt="Confusion matrix: rows are the truth, columns the prediction",
            )
    return chosen


def close_cell(key: str) -> None:
    """No cell is chosen any more."""
    st.query_params.pop("cell", None)
    st.session_state[f"{key}-turn"] = st.session_state.get(f"{key}-turn", 0) + 1


def _chosen(classes: int) -> Cell | None:
    """The cell in the address (`?cell=0-1`), if there is such a cell."""
    truth, _, predicted = st.query_params.get("cell", "").partition("-")
    if not (truth.isdecimal() and predicted.isdecimal()):
        return None
    cell = int(truth), int(predicted)
    return cell if max(cell) < classes else None


def _take_point(turn: str) -> None:
    points = st.session_state[f"{turn}-figure"].selection.points
    if points:
        truth, predicted = points[0]["customdata"]
        _set_cell(int(truth), int(predicted))


def _take_table_cell(turn: str, classes: tuple[str, ...]) -> None:
    cells = st.session_state[f"{turn}-table"].selection.cells
    if cells and cells[0][1] in classes:
        _set_cell(int(cells[0][0]), classes.index(cells[0][1]))


def _set_cell(truth: int, predicted: int) -> None:
    st.query_params["cell"] = f"{truth}-{predicted}"
