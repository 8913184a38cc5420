"""The figures of a result in words, each with its interval: headline, all, and by class."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Predictions
from medxfer.reports.blocks import interval, number
from medxfer.ui.words import count, plain

Estimates = Mapping[str, Estimate]

_TWO = 2
INTERVAL = "Value (95 % interval)"

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

_CLASS_LABELS = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "auroc": "AUROC",
}
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


def draw_headline(predictions: Predictions, estimates: Estimates) -> None:
    """The few figures that matter most with their intervals, and how many images they are of."""
    classes = predictions.classes
    shown = headline(len(classes))
    for place, name in zip(st.columns(len(shown)), shown, strict=True):
        found = estimates[name]
        place.metric(
            LABELS[name],
            number(found.value),
            delta=_ends(found),
            delta_color="off",
            delta_arrow="off",
            help=meaning(name, len(classes)),
            border=True,
        )
    st.caption(
        f"{_images(predictions)} Below each figure its 95 % interval: what else chance alone could "
        "have made of it, patient by patient.",
        help=_POSITIVE if len(classes) == _TWO else None,
    )
    _say_undefined({name: estimates[name] for name in shown}, predictions)


def draw_all_figures(predictions: Predictions, estimates: Estimates) -> None:
    """Every figure with its interval and what it means, folded away."""
    with st.expander("All figures"):
        st.dataframe(
            figures_table(predictions, estimates),
            hide_index=True,
            column_config={"What it means": st.column_config.TextColumn(width="large")},
            alt="All figures with 95 % intervals",
        )


def figures_table(predictions: Predictions, estimates: Estimates) -> pd.DataFrame:
    """One row a figure: name, value with interval in words, meaning."""
    rows = [
        {
            "Figure": LABELS.get(name, name),
            INTERVAL: interval(found) if found.value is not None else _undefined(name, predictions),
            "What it means": meaning(name, len(predictions.classes)),
        }
        for name, found in estimates.items()
    ]
    return pd.DataFrame(rows)


def class_table(classes: pd.DataFrame) -> pd.DataFrame:
    """One row a class, for people: images, patients, figures with intervals."""
    shown = pd.DataFrame(
        {"Class": classes["class"], "Images": classes["n"], "Patients": classes["patients"]}
    )
    for name, title in _CLASS_LABELS.items():
        shown[title] = [
            interval(Estimate.of_row(row, name, f"{name}_")) for row in classes.to_dict("records")
        ]
    return shown


def draw_classes(classes: pd.DataFrame) -> None:
    """Each class against the rest, with what the words mean."""
    st.dataframe(class_table(classes), hide_index=True, alt="Figures of each class")
    st.caption(
        "Each class against the rest, 95 % intervals in brackets. **Sensitivity** (recall): of the "
        "images of this class, the part that was called so. **Specificity**: of all others, the "
        "part that was not. **Precision**: of the images called this class, the part that is. "
        "**F1** joins precision and recall. **AUROC**: how often an image of the class gets a "
        "higher probability of it than another."
    )


def _images(predictions: Predictions) -> str:
    known = len(predictions.known)
    patients = int(predictions.facts["patient"].nunique())
    # As many as images: either one each, or not known at all, which the data set's page says.
    words = count(known, "image")
    words += f" of {count(patients, 'patient')}." if patients < known else "."
    classes = predictions.classes
    if len(classes) == _TWO:
        return f"{words} Positive class: “{plain(classes[predictions.positive])}”."
    return f"{words} AUROC, balanced accuracy and F1 are means over the classes."


def _say_undefined(estimates: Estimates, predictions: Predictions) -> None:
    for name, found in estimates.items():
        if found.value is None:
            st.caption(f"{LABELS[name]} is {plain(_undefined(name, predictions))}.")


def _undefined(name: str, predictions: Predictions) -> str:
    return f"not defined: {reason(name, predictions)}"


def _ends(found: Estimate) -> str | None:
    if found.value is None:
        return None
    if found.low is None or found.high is None:
        return "no interval: too few patients"
    return f"{number(found.low)} to {number(found.high)}"
