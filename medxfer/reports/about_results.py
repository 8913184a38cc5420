"""The sections about answers: figures with intervals, operating point, calibration, failures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from medxfer.data.manifest import Split
from medxfer.evaluation.alarms import Part
from medxfer.evaluation.calibration import BINNING
from medxfer.evaluation.conformal import PROMISE
from medxfer.evaluation.confusion import matrix
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.failures import barely_right, confidently_wrong
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.prevalence import at_prevalence
from medxfer.reports.blocks import (
    Block,
    Chart,
    Section,
    Table,
    Text,
    Tone,
    count,
    facts_table,
    interval,
    number,
    share,
)
from medxfer.reports.gathering import Judged, Recorded
from medxfer.reports.roc import roc_lines
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
    "Brackets hold 95 % intervals that take patients, not images, as the unit: from 2,000 "
    "bootstrap resamples of patients, stratified by class; for accuracy, sensitivity and "
    "specificity Wilson's, with the effective number of images. A figure that is not defined on "
    "these images says so. Validation figures are a little too good, since the epoch and, where "
    "there are any, temperature and operating point were chosen on validation."
)
_PREVALENCES = (0.01, 0.05, 0.1, 0.3)
_MOST_FAILURES = 12
_TWO = 2


def results_section(recorded: Recorded) -> Section:
    """Figures of validation and, if it was opened, of test; classes, confusion, ROC."""
    blocks: list[Block] = [Text(recorded.looks.sentence + _why_closed(recorded), Tone.NOTE)]
    parts = [part for part in (recorded.validation, recorded.test) if part]
    if not parts:
        blocks.append(Text("The run left no predictions to judge.", Tone.WARNING))
        return Section("results", "Results", tuple(blocks))
    blocks += [Text(METHOD), _figures(parts)]
    for part in reversed(parts):
        blocks += _in_detail(part)
    return Section("results", "Results", tuple(blocks))


def operating_section(recorded: Recorded) -> Section:
    """Temperature and threshold: how and on what they were chosen, and what they come to."""
    decided, final = recorded.decisions, recorded.final
    temperature, point = decided.temperature, decided.operating_point
    facts = [("Output", "a probability for each class, which sum to 1")]
    if temperature:
        state = "on" if temperature.on else "off"
        facts.append((
            "Temperature",
            f"{temperature.value:.3f}, {state}; fitted on {temperature.images:,} validation images "
            f"on {temperature.time:%Y-%m-%d %H:%M} UTC",
        ))  # fmt: skip
    else:
        facts.append(("Temperature", "not fitted: probabilities as the network gives them"))
    if point and recorded.decisions.point:
        asked = "" if point.value is None else f" {point.value:g}"
        facts += [
            ("Rule", f"{point.rule}{asked}, chosen on {point.n:,} validation images on "
                     f"{recorded.decisions.point.time:%Y-%m-%d %H:%M} UTC"),
            ("Threshold", f"{number(decided.threshold)} of '{_positive(recorded)}'"),
            ("On validation", f"sensitivity {point.sensitivity:.3f}, "
                              f"specificity {point.specificity:.3f}"),
        ]  # fmt: skip
    else:
        facts.append(("Operating point", "none chosen: the most probable class is called"))
    blocks: list[Block] = [facts_table("In force", facts)]
    if final:
        blocks += _predictive_values(final)
    return Section("operating", "Operating point", tuple(blocks))


def calibration_section(recorded: Recorded) -> Section | None:
    """Whether probabilities mean what they say; None where that cannot be told."""
    final = recorded.final
    checked = final.part.calibration if final else None
    if final is None or checked is None:
        return None
    facts = [
        (
            "Images",
            f"{final.split.words}: {count(checked.n)} of {count(checked.patients)} patients",
        ),
        ("Expected calibration error", interval(checked.error)),
        ("It would stay below, if every probability were right", number(checked.error_if_right)),
        ("Brier score", interval(checked.brier)),
    ]
    for line in checked.lines:
        facts += [
            (f"Slope, {line.name} (1 is right)", interval(line.slope)),
            (f"Intercept, {line.name} (0 is right)", interval(line.intercept)),
            (f"In the large, {line.name} (0 is right)", interval(line.in_the_large)),
        ]
    blocks: list[Block] = [
        _reliability(final.split, checked.bins),
        facts_table("Calibration", facts),
    ]
    blocks.append(Text(BINNING))
    if recorded.coverage:
        covered = recorded.coverage
        held = [("Promised", number(covered.promised, 2)), ("Measured", interval(covered.overall))]
        held += [(f"Measured, {name}", interval(each)) for name, each in covered.by_class.items()]
        held += [("Classes in a set, on average", number(covered.mean_size, 2)),
                 ("Sets of a single class", interval(covered.single)),
                 ("Empty sets", interval(covered.empty))]  # fmt: skip
        blocks += [facts_table("Conformal sets calibrated on validation, measured on test", held)]
        blocks.append(Text(PROMISE))
    return Section("calibration", "Calibration", tuple(blocks))


def failures_section(recorded: Recorded) -> Section | None:
    """The answers most confidently wrong, and those barely right, by image id."""
    final = recorded.final
    if final is None:
        return None
    predictions = final.predictions
    known = predictions.truth >= 0
    wrong = int((known & (predictions.truth != predictions.predicted)).sum())
    text = Text(
        f"{share(wrong, int(known.sum()))} of the {final.split.words} images were called wrongly. "
        "Images are named by their id in the workspace only."
    )
    return Section(
        "failures",
        "Failures",
        (
            text,
            _cases("Confidently wrong", confidently_wrong(predictions, most=_MOST_FAILURES)),
            _cases("Barely right", barely_right(predictions, most=_MOST_FAILURES)),
        ),
    )


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
    known = part.predictions.only(part.predictions.truth >= 0)
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


def _figures(parts: list[Judged]) -> Table:
    columns = {}
    for part in parts:
        known = part.predictions.truth >= 0
        people = part.predictions.facts["patient"][known].nunique()
        head = f"{part.split.words.capitalize()} ({int(known.sum()):,} images, {people:,} patients)"
        columns[head] = part.part.estimates
    classes = parts[0].predictions.classes
    of = "averaged over the classes where they are of one class"
    if len(classes) == _TWO:
        of = f"of the positive class '{classes[positive_class(classes)]}'"
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
    rows = tuple(
        (name, *(count(int(n)) for n in row)) for name, row in zip(classes, counts, strict=True)
    )
    heads = ("Truth", *(f"called {name}" for name in classes))
    yield Table(f"{title}: images", heads, rows)
    lines = roc_lines(part.predictions)
    if lines:
        title = f"ROC curve, {words}"
        told = "Sensitivity against 1 - specificity, each curve with its 95 % band: " + ", ".join(
            line.label for line in lines
        )
        axes = ("1 - specificity", "Sensitivity")
        yield Chart(title, told, plot(title, told, lines, axes, diagonal=True))


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


def _predictive_values(final: Judged) -> Iterator[Block]:
    figures = final.part.estimates
    if "sensitivity" not in figures or "specificity" not in figures:
        return
    rows = []
    for prevalence in _PREVALENCES:
        ppv, npv = at_prevalence(figures["sensitivity"], figures["specificity"], prevalence)
        rows.append((f"{100 * prevalence:g} %", interval(ppv), interval(npv)))
    caption = f"What a call would be worth at another prevalence ({final.split.words} figures)"
    yield Table(caption, ("Prevalence", "PPV", "NPV"), tuple(rows))


def _reliability(split: Split, bins: pd.DataFrame) -> Chart:
    title = f"Reliability diagram, {split.words}"
    told = "; ".join(
        f"claimed {row.probability:.2f}, came true {row.observed:.2f} of {row.n}"
        for row in bins.itertuples()
    )
    columns = (bins[name].to_numpy(dtype=np.float64).tolist()
               for name in ("probability", "observed", "low", "high"))  # fmt: skip
    claimed, observed, low, high = columns
    line = Line("share that came true, 95 % interval", claimed, observed, low, high, dots=True)
    axes = ("Probability claimed", "Share that came true")
    return Chart(title, told, plot(title, told, [line], axes, diagonal=True))


def _cases(caption: str, table: pd.DataFrame) -> Table:
    rows = tuple(
        (str(row["image"]), str(row["truth"]), str(row["prediction"]), number(row["confidence"]))
        for _, row in table.iterrows()
    )
    return Table(caption, ("Image id", "Truth", "Called", "Probability"), rows, words=3)


def _positive(recorded: Recorded) -> str:
    classes = recorded.started.classes if recorded.started else ()
    return classes[positive_class(classes)] if len(classes) == _TWO else ""
