"""The section with the figures: intervals, classes, confusion, ROC."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from medxfer.errors import EvaluationError
from medxfer.evaluation.alarms import Part
from medxfer.evaluation.bands import roc_bands
from medxfer.evaluation.confusion import matrix
from medxfer.evaluation.curves import roc
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Ints
from medxfer.reports.blocks import (
    Block,
    Chart,
    Section,
    Table,
    Text,
    Tone,
    count,
    interval,
    number,
)
from medxfer.reports.gathering import Judged, Recorded
from medxfer.reports.svg import Line, confusion, drawable, plot

NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auroc": "AUROC",
    "average_precision": "Average precision (AUPRC)",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "brier": "Brier score (lower is better)",
    "log_loss": "Log loss (lower is better)",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
}
METHOD = (
    "Brackets hold 95 % intervals that take patients, not images, as the unit: for accuracy, "
    "sensitivity, specificity and predictive values Wilson's, with the effective number of images; "
    "for Brier score and log loss from the spread of the patients' means; for all others from "
    "2,000 bootstrap resamples of patients, stratified by class, and so for the mix of classes in "
    "these images (fewer, at least 200, for very many images or classes). With few patients they "
    "are wide on purpose. A figure that is not defined on these images says so. Validation figures "
    "are a little too good, since the epoch and, where there are any, temperature and operating "
    "point were chosen on validation."
)
UNKNOWN = (
    " Patients are not known here, so each image counts as one of its own: if some are of one "
    "person, the intervals are too narrow."
)
NOT_RECORDED = (
    " Whether patients were known is not recorded, and the data set is no longer there to tell: if "
    "they were not, and some images are of one person, the intervals are too narrow."
)
_TWO = 2
_MOST_MISTAKES = 20
_MOST_CURVES = 4


def results_section(recorded: Recorded) -> Section:
    """Figures of validation and, if it was opened, of test; classes, confusion, ROC."""
    blocks: list[Block] = [Text(recorded.looks.sentence + _why_closed(recorded), Tone.NOTE)]
    parts = [part for part in (recorded.validation, recorded.test) if part]
    if not parts:
        blocks.append(Text("The run left no predictions to judge.", Tone.WARNING))
        return Section("results", "Results", tuple(blocks))
    known = recorded.patients_known
    unknown = "" if known else UNKNOWN if known is False else NOT_RECORDED
    blocks += [Text(METHOD + unknown), _figures(parts, known=bool(known))]
    for part in reversed(parts):
        blocks += _in_detail(part)
    return Section("results", "Results", tuple(blocks))


def figures_table(caption: str, parts: dict[str, dict[str, Estimate]]) -> Table:
    """One row a figure, one column a part."""
    names = [name for name in NAMES if any(name in each for each in parts.values())]
    rows = tuple(
        (NAMES[name], *(interval(each.get(name, Estimate(None))) for each in parts.values()))
        for name in names
    )
    return Table(caption, ("Figure", *parts), rows)


def headline(part: Part) -> str:
    """The figures that come first, in one sentence."""
    known = part.predictions.known
    named = [name for name in ("auroc", "sensitivity", "specificity", "balanced_accuracy")
             if name in part.estimates]  # fmt: skip
    said = ", ".join(
        f"{NAMES[name] if NAMES[name].isupper() else NAMES[name].lower()} "
        f"{interval(part.estimates[name])}"
        for name in named[:3]
    )
    return f"On {len(known):,} {part.name} images: {said}."


def _why_closed(recorded: Recorded) -> str:
    if recorded.test:
        return "."
    if recorded.looks.this_run:
        return (
            ". It was not opened under the temperature and threshold now in force, so its figures "
            "are not shown."
        )
    return ". Its figures are not shown."


def _figures(parts: list[Judged], *, known: bool) -> Table:
    columns = {}
    for part in parts:
        judged = part.predictions.known
        people = judged.facts["patient"].nunique()
        n = f"{len(judged):,} images" + (f", {people:,} patients" if known else "")
        columns[f"{part.split.words.capitalize()} ({n})"] = part.part.estimates
    classes = parts[0].predictions.classes
    of = "averaged over the classes where they are of one class"
    if len(classes) == _TWO:
        of = f"of the positive class '{classes[parts[0].predictions.positive]}'"
    return figures_table(f"Figures with 95 % intervals, {of}", columns)


def _in_detail(part: Judged) -> Iterator[Block]:
    words = part.split.words
    yield _class_table(part)
    counts, classes = matrix(part.predictions), part.predictions.classes
    title = f"Confusion matrix, {words}"
    if drawable(classes):
        told = "; ".join(
            f"of {name} " + ", ".join(
                f"{int(n)} called {called}" for called, n in zip(classes, row, strict=True))
            for name, row in zip(classes, counts, strict=True)
        )  # fmt: skip
        yield Chart(title, told, confusion(title, told, counts, classes))
    yield _mistakes(title, counts, classes)
    lines = _roc_lines(part)
    if lines:
        title = f"ROC curve, {words}"
        told = "Sensitivity against 1 - specificity, each curve with its 95 % band: " + ", ".join(
            line.label for line in lines
        )
        axes = ("1 - specificity", "Sensitivity")
        yield Chart(title, told, plot(title, told, lines, axes, diagonal=True))


def _roc_lines(part: Judged) -> list[Line]:
    """The curve of the positive of two classes, or of the first of more; none where undefined."""
    classes, bands = part.predictions.classes, roc_bands(part.predictions, _MOST_CURVES)
    lines = []
    for cls in part.predictions.judged_classes[:_MOST_CURVES]:
        try:
            curve = roc(part.predictions, cls)
        except EvaluationError:
            continue
        x, y = curve["false_positive_rate"].tolist(), curve["true_positive_rate"].tolist()
        low = high = None
        if cls in bands:
            x, y, low, high = (bands[cls][name].tolist() for name in ("fpr", "tpr", "low", "high"))
        area = number(_estimate(part.classes.iloc[cls], "auroc").value)
        lines.append(Line(f"AUROC {area}, {classes[cls]}", x, y, low, high))
    return lines


def _mistakes(title: str, counts: Ints, classes: tuple[str, ...]) -> Table:
    """The whole matrix, or with many classes the commonest mistakes."""
    if drawable(classes):
        rows = tuple(
            (name, *(count(int(n)) for n in row)) for name, row in zip(classes, counts, strict=True)
        )
        heads = ("Truth", *(f"called {name}" for name in classes))
        return Table(f"{title}: images", heads, rows)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_MISTAKES]
    places = [np.unravel_index(place, wrong.shape) for place in order]
    mistakes = tuple(
        (classes[truth], classes[called], count(int(wrong[truth, called])))
        for truth, called in places if wrong[truth, called]
    )  # fmt: skip
    caption = f"{title}: the commonest mistakes"
    return Table(caption, ("Truth", "Called", "Images"), mistakes, words=2)


def _class_table(part: Judged) -> Table:
    figures = [name for name in part.classes.columns if f"{name}_low" in part.classes.columns]
    rows = tuple(
        (
            str(row["class"]), count(int(row["n"])), count(int(row["patients"])),
            *(interval(_estimate(row, name)) for name in figures),
        )
        for _, row in part.classes.iterrows()
    )  # fmt: skip
    heads = ("Class", "Images", "Patients", *(name.capitalize() for name in figures))
    heads = tuple("AUROC" if head == "Auroc" else head for head in heads)
    return Table(f"Each class against the rest, {part.split.words}", heads, rows)


def _estimate(row: pd.Series, name: str) -> Estimate:
    ends = (row[name], row[f"{name}_low"], row[f"{name}_high"])
    value, low, high = (None if pd.isna(end) else float(end) for end in ends)
    return Estimate(value, low, high)
