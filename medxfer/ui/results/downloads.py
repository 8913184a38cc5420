"""Everything of a result to take away: tables as CSV, figures as HTML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError
from medxfer.evaluation.confusion import matrix
from medxfer.evaluation.curves import precision_recall, roc
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Predictions
from medxfer.reports.exports import figure_html, table_csv
from medxfer.reports.stamp import Stamp, stamp
from medxfer.ui.people import noting
from medxfer.ui.results.curves import precision_recall_figure, roc_figure
from medxfer.ui.results.judging import Result
from medxfer.ui.results.matrix import confusion_figure
from medxfer.ui.results.training import epochs_table, training_figure
from medxfer.ui.runs.live import Live
from medxfer.ui.words import count, split_word

_Tables = Mapping[str, Callable[[], pd.DataFrame]]
_Figures = Mapping[str, Callable[[], go.Figure]]
_TRAINING = "Training"


def draw_downloads(result: Result, live: Live) -> None:
    """A button for each table and figure; a file is made when its button is pressed."""
    training = stamp(result.run, part=learned_from(live))
    marks = defaultdict(lambda: result.mark, {_TRAINING: training})
    name = result.key
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Tables (CSV)**", width=130)
        for title, table in tables(result, live).items():
            file = f"{name}-{_slug(title)}.csv"
            made = noting(result.place, f"{title}, run {result.run.run}", _csv(table, marks[title]))
            _offer(title, file, "text/csv", made)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Figures (HTML)**", width=130)
        for title, figure in figures(result, live).items():
            thing = f"{title} (figure), run {result.run.run}"
            page = noting(result.place, thing, _html(figure, title, marks[title]))
            _offer(title, f"{name}-{_slug(title)}.html", "text/html", page)
    st.caption(
        "For a PNG, use the camera above a figure. Each file says which run and images it is from."
    )


def learned_from(live: Live) -> str:
    """The images of a training: "train, 400 images; validation, 86 images"; "" if not known."""
    images = live.started.images if live.started else {}
    return "; ".join(
        f"{split_word(split).lower()}, {count(images[split], 'image')}"
        for split in (Split.TRAIN, Split.VALIDATION)
        if split in images
    )


def tables(result: Result, live: Live) -> _Tables:
    """What is offered as CSV, made on demand; curves that are not defined are left out."""
    predictions = result.predictions
    return {
        "Predictions": predictions.table,
        "Figures": lambda: _figures_of(result.estimates),
        "Confusion matrix": lambda: _matrix_of(predictions),
        "Report by class": lambda: result.classes,
        "ROC": lambda: _curves_of(predictions, roc),
        "Precision-recall": lambda: _curves_of(predictions, precision_recall),
        _TRAINING: lambda: epochs_table(live),
    }


def figures(result: Result, live: Live) -> _Figures:
    """What is offered as HTML, made on demand."""
    predictions = result.predictions
    counts, classes = matrix(predictions), predictions.classes
    return {
        "Confusion matrix": lambda: confusion_figure(counts, classes, False, None),
        "ROC": lambda: roc_figure(predictions, result.classes, result.bands),
        "Precision-recall": lambda: precision_recall_figure(predictions, result.estimates),
        _TRAINING: lambda: training_figure(live),
    }


def _figures_of(found: Mapping[str, Estimate]) -> pd.DataFrame:
    return pd.DataFrame([{"figure": name, **each.to_json()} for name, each in found.items()])


def _matrix_of(predictions: Predictions) -> pd.DataFrame:
    table = pd.DataFrame(matrix(predictions), columns=list(predictions.classes))
    table.insert(0, "truth \\ prediction", list(predictions.classes))
    return table


def _curves_of(
    predictions: Predictions, curve: Callable[[Predictions, int], pd.DataFrame]
) -> pd.DataFrame:
    parts = []
    for cls in predictions.judged_classes:
        try:
            points = curve(predictions, cls)
        except EvaluationError:
            continue
        parts.append(points.assign(**{"class": predictions.classes[cls]}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"class": []})


def _csv(table: Callable[[], pd.DataFrame], mark: Stamp) -> Callable[[], str]:
    return lambda: table_csv(table(), mark)


def _html(figure: Callable[[], go.Figure], title: str, mark: Stamp) -> Callable[[], str]:
    return lambda: figure_html(figure(), title, mark)


def _offer(title: str, file: str, kind: str, make: Callable[[], str]) -> None:
    st.download_button(
        title, make, file_name=file, mime=kind, on_click="ignore", type="tertiary",
        icon=":material/download:", key=f"download-{file}",
    )  # fmt: skip


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
