"""The figures of a result in words: headline, all figures, and the report by class."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from medxfer.evaluation.metrics import report, summary
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.predictions import Predictions
from medxfer.ui.words import count, plain

_TWO = 2

LABELS = {
    "auroc": "AUROC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "f1": "F1",
    "average_precision": "Average precision",
    "mcc": "Matthews correlation",
    "brier": "Brier score",
    "log_loss": "Log loss",
}

_MEANING = {
    "auroc": "How often an image with the finding gets a higher probability of it than one "
    "without; 0.5 is chance.",
    "accuracy": "Part of all images that were called right.",
    "balanced_accuracy": "Part of each class that was called right, averaged; not flattered by a "
    "large class.",
    "sensitivity": "Part of the images with the finding that were called so.",
    "specificity": "Part of the images without the finding that were called so.",
    "ppv": "Of the images called positive, the part that is; depends on how common the finding is.",
    "npv": "Of the images called negative, the part that is; depends on how common the finding is.",
    "f1": "Harmonic mean of precision and recall of the finding.",
    "average_precision": "Area under the precision-recall curve; chance is the prevalence.",
    "mcc": "Agreement of truth and answer, -1 to 1; 0 is chance.",
    "brier": "Squared error of the probability of the finding, 0 to 1; lower is better.",
    "log_loss": "How surprised the model is by the truth, in nats; lower is better.",
}
_MEANING_OVER_CLASSES = {
    "auroc": "Each class against the rest, averaged: how often an image of the class gets a higher "
    "probability of it than one of another class; 0.5 is chance.",
    "f1": "Harmonic mean of precision and recall of each class, averaged.",
    "average_precision": "Area under each class's precision-recall curve against the rest, "
    "averaged; chance is the mean prevalence.",
    "mcc": "Agreement of truth and answer; 1 is perfect, 0 is chance.",
    "brier": "Squared errors of all classes' probabilities, added, 0 to 2; lower is better.",
}
"""Where a figure means something else with more than two classes."""

_POSITIVE = (
    "The finding that the test looks for. Sensitivity is about the images that have it, "
    "specificity about those that do not."
)


def meaning(figure: str, classes: int) -> str:
    """What a figure says, in a sentence, by the number of classes; "" if it is not known."""
    words = _MEANING if classes == _TWO else _MEANING | _MEANING_OVER_CLASSES
    return words.get(figure, "")


def headline(classes: int) -> tuple[str, ...]:
    """The figures shown large, by the number of classes."""
    if classes == _TWO:
        return "auroc", "sensitivity", "specificity", "accuracy"
    return "auroc", "balanced_accuracy", "accuracy", "f1"


def reason(figure: str, predictions: Predictions) -> str:
    """Why a figure is not defined for these predictions, in a sentence's end."""
    present = {predictions.classes[index] for index in predictions.truth if index >= 0}
    if not present:
        return "the truth of these images is not known"
    absent = [name for name in predictions.classes if name not in present]
    if absent and figure not in ("ppv", "npv"):
        names = ", ".join(f"“{name}”" for name in absent)
        return f"there is no {names} case in this part"
    if figure in ("ppv", "npv"):
        return "no image was called so"
    return "all answers are the same class"


def draw_headline(predictions: Predictions) -> None:
    """The few figures that matter most, with the number of images."""
    figures = summary(predictions)
    classes = predictions.classes
    shown = headline(len(classes))
    for place, name in zip(st.columns(len(shown)), shown, strict=True):
        place.metric(
            LABELS[name],
            _value(figures[name]),
            help=meaning(name, len(classes)),
            border=True,
        )
    known = int((predictions.truth >= 0).sum())
    patients = _patients(predictions)
    # As many as images: either one each, or not known at all, which the data set's page says.
    words = count(known, "image") + (
        f" of {count(patients, 'patient')}." if patients < known else "."
    )
    if len(classes) == _TWO:
        words += f" Positive class: “{plain(classes[positive_class(classes)])}”."
    else:
        words += " AUROC, balanced accuracy and F1 are means over the classes."
    st.caption(words, help=_POSITIVE if len(classes) == _TWO else None)
    _say_undefined({name: figures[name] for name in headline(len(classes))}, predictions)


def draw_all_figures(predictions: Predictions) -> None:
    """Every figure with what it means, folded away."""
    with st.expander("All figures"):
        st.dataframe(
            figures_table(predictions),
            hide_index=True,
            column_config={"What it means": st.column_config.TextColumn(width="large")},
        )


def figures_table(predictions: Predictions) -> pd.DataFrame:
    """One row a figure: name, value in words, meaning."""
    rows = [
        {
            "Figure": LABELS.get(name, name),
            "Value": _value(value) if value is not None else _undefined(name, predictions),
            "What it means": meaning(name, len(predictions.classes)),
        }
        for name, value in summary(predictions).items()
    ]
    return pd.DataFrame(rows)


def report_table(predictions: Predictions) -> pd.DataFrame:
    """The report by class with column names for people; undefined figures say so.

    Sensitivity and specificity are given for two classes.
    """
    table = report(predictions)
    names = ["precision", "recall", "f1"]
    if len(predictions.classes) == _TWO:
        names += ["sensitivity", "specificity"]
    shown = pd.DataFrame({"Class": table["class"]})
    for name in names:
        shown[name.capitalize()] = [
            "not defined" if pd.isna(value) else f"{value:.3f}" for value in table[name]
        ]
    shown["Images"] = table["support"]
    return shown


def draw_report(predictions: Predictions) -> None:
    """Precision, recall and F1 of each class, with what the words mean."""
    st.dataframe(report_table(predictions), hide_index=True, width="content")
    words = (
        "**Precision**: of the images called this class, the part that is. "
        "**Recall**: of the images of this class, the part that was found. "
        "**F1** joins the two. **Images** is how many of this class there are."
    )
    if len(predictions.classes) == _TWO:
        words += (
            " **Sensitivity** is the recall of the class in its row; **specificity** the part of "
            "the other class that was rightly not called so."
        )
    st.caption(words)


def _say_undefined(figures: Mapping[str, float | None], predictions: Predictions) -> None:
    for name, value in figures.items():
        if value is None:
            st.caption(f"{LABELS[name]} is {plain(_undefined(name, predictions))}.")


def _undefined(name: str, predictions: Predictions) -> str:
    return f"not defined: {reason(name, predictions)}"


def _value(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _patients(predictions: Predictions) -> int:
    return int(predictions.facts["patient"].nunique())
