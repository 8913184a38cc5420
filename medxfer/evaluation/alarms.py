"""What in a result should make one stop: sentences with what to do, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medxfer.evaluation.calibration import Calibration, ClassLine
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.severity import Severity

_NEARLY_ALL = 0.95
_NEARLY_PERFECT = 0.99
_WIDEST = 0.2
"""Of an interval: 0.80 that may be 0.70 or 0.90 decides nothing."""
_FEWEST_CASES = 10
"""Patients of a class, of whom any number of images tell little more."""
_WORST_ERROR = 0.05
_SLOPES = (0.8, 1.25)
_WORST_LEVEL = 0.25
"""Of log odds: what is claimed with 0.50 comes true in 0.44 or 0.56."""
_COMPARED = ("auroc", "balanced_accuracy", "accuracy")
_WORDS = {
    "auroc": "AUROC",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}
_NOT_TEMPERED = (
    "Switch on temperature scaling, fitted on validation, and choose the threshold again."
)
_TEMPERED = (
    "Temperature scaling is on and does not mend this: take the probabilities as an order of the "
    "images, not as risks."
)
_LEVEL = (
    "No temperature mends a level that is off; it only draws probabilities together or apart. "
    "Choose the threshold on validation instead of 0.5, or train without class weights and "
    "balanced sampling."
)
_WIDTHS = ("auroc", "sensitivity", "specificity", "balanced_accuracy")


@dataclass(frozen=True)
class Alarm:
    """One thing that is wrong with a result; the fields are those of an audit's finding."""

    key: str
    severity: Severity
    problem: str
    remedy: str


@dataclass(frozen=True)
class Part:
    """What is known of a model on one part of the data; `name` as a sentence calls it."""

    name: str
    predictions: Predictions
    estimates: dict[str, Estimate]
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Circumstances:
    """How the result came about.

    `leaks` says that copies or patients are known to be on both sides of a split. Both are None
    where nobody can tell any more. Epochs count from 1; None where there were none. `tempered` says
    that a temperature is in force.
    """

    patients_known: bool | None
    leaks: bool | None
    best_epoch: int | None = None
    epochs: int | None = None
    tempered: bool = False


def alarms(validation: Part | None, test: Part | None, circumstances: Circumstances) -> list[Alarm]:
    """All alarms, the worst first. Leave out a part that was not opened."""
    parts = [part for part in (test, validation) if part is not None]
    found: list[Alarm] = []
    for part in parts:
        found += _one_class(part)
        found += _too_good(part, circumstances)
        found += _calibration_gone(part, circumstances)
        found += _few_cases(part)
        found += _wide(part)
    if validation is not None and test is not None:
        found += _far_above(validation, test)
    found += _still_learning(circumstances)
    return sorted(found, key=lambda alarm: alarm.severity.rank)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """One figure minus the same of other patients, with the interval that theirs give.

    MOVER (Zou and Donner 2008). Not defined where one of them is not.
    """
    if one.value is None or other.value is None:
        return Estimate(None)
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value)
    below = np.hypot(one.value - one.low, other.high - other.value)
    above = np.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, float(value - below), float(value + above))


def _one_class(part: Part) -> Iterator[Alarm]:
    """Nearly all called one class, and with them most images of the others."""
    known = part.predictions.known
    called = np.bincount(known.predicted, minlength=len(known.classes))
    cls = int(called.argmax())
    others = known.truth != cls
    if not others.any() or called[cls] < _NEARLY_ALL * len(known):
        return
    lost = int((known.predicted[others] == cls).sum())
    if lost > others.sum() / 2:
        yield Alarm(
            "one_class",
            Severity.BLOCKING,
            f"The model calls {called[cls]} of {len(known)} {part.name} images "
            f"'{known.classes[cls]}', and with them {lost} of the {int(others.sum())} that are "
            "something else.",
            "Train with class weights or balanced sampling, look at the learning rate, or choose "
            "another threshold.",
        )


def _too_good(part: Part, circumstances: Circumstances) -> Iterator[Alarm]:
    if circumstances.patients_known and circumstances.leaks is False:
        return
    figures = ((name, part.estimates.get(name, Estimate(None)).value) for name in _COMPARED)
    perfect = [(name, value) for name, value in figures if value and value >= _NEARLY_PERFECT]
    if not perfect:
        return
    name, value = perfect[0]
    result = f"A nearly perfect {part.name} result ({_WORDS[name]} {value:.3f})"
    if circumstances.leaks:
        yield Alarm(
            "too_good",
            Severity.BLOCKING,
            f"{result} on a data set in which pictures or patients are on both sides of the split.",
            "Remove the leaks the audit lists, split again and train again.",
        )
    elif circumstances.patients_known is not False:
        yield Alarm(
            "too_good",
            Severity.SERIOUS,
            f"{result}, and nobody can tell any more whether the same patients are on both sides "
            "of the split: the data set is gone or was changed since, and the run did not record "
            "it.",
            "Audit the data set as it is now and train again.",
        )
    else:
        yield Alarm(
            "too_good",
            Severity.SERIOUS,
            f"{result} without patient ids: the same patients may be on both sides of the split.",
            "Import the data again with a column or a file name that tells patients apart.",
        )


def _calibration_gone(part: Part, circumstances: Circumstances) -> Iterator[Alarm]:
    """Only what these images can show: the interval, not the value, is out of bounds."""
    if part.calibration is None:
        return
    error = part.calibration.error
    off = error.low is not None and error.low > _WORST_ERROR
    average = [f"they are off by {error.value:.2f} on average"] if off else []
    slopes = [said for each in part.calibration.lines for said in _slope_gone(each)]
    levels = [said for each in part.calibration.lines for said in _level_gone(each)]
    said = average + slopes + levels
    if not said:
        return
    remedies = []
    if slopes or not levels:
        remedies.append(_TEMPERED if circumstances.tempered else _NOT_TEMPERED)
    if levels:
        remedies.append(_LEVEL)
    yield Alarm(
        "calibration",
        Severity.SERIOUS,
        f"The probabilities of the {part.name} images do not mean what they say: "
        f"{'; '.join(said)}.",
        " ".join(remedies),
    )


def _slope_gone(line: ClassLine) -> Iterator[str]:
    lowest, highest = _SLOPES
    slope = line.slope
    if slope.high is not None and slope.high < lowest:
        yield f"those of '{line.name}' are too extreme (slope {slope.value:.2f})"
    elif slope.low is not None and slope.low > highest:
        yield f"those of '{line.name}' are too timid (slope {slope.value:.2f})"


def _level_gone(line: ClassLine) -> Iterator[str]:
    level = line.in_the_large
    if level.value is None or level.low is None or level.high is None:
        return
    if level.high < -_WORST_LEVEL:
        yield f"those of '{line.name}' are too high on the whole (by {-level.value:.2f} log odds)"
    elif level.low > _WORST_LEVEL:
        yield f"those of '{line.name}' are too low on the whole (by {level.value:.2f} log odds)"


def _few_cases(part: Part) -> Iterator[Alarm]:
    """Patients of each class; where they are not known, each image is one of its own."""
    known = part.predictions.known
    images = np.bincount(known.truth, minlength=len(known.classes))
    patients = known.facts["patient"].groupby(known.truth).nunique()
    few = []
    for cls, name in enumerate(known.classes):
        n, people = int(images[cls]), int(patients.get(cls, 0))
        if people < _FEWEST_CASES:
            of = f" ({n} images)" if n > people else ""
            few.append(f"{people} of '{name}'{of}")
    if few:
        yield Alarm(
            "few_cases",
            Severity.SERIOUS,
            f"The patients of the {part.name} images are too few to judge by: {', '.join(few)}.",
            f"Get at least {_FEWEST_CASES} patients of each class there, better 100, or merge "
            "classes; more images of the same patients do not help.",
        )


def _wide(part: Part) -> Iterator[Alarm]:
    figures = [(name, part.estimates.get(name, Estimate(None))) for name in _WIDTHS]
    wide = [
        f"{_WORDS[name]} may be anything from {each.low:.2f} to {each.high:.2f}"
        for name, each in figures
        if each.width is not None and each.width > _WIDEST
    ]
    unsure = [
        _WORDS[name] for name, each in figures if each.value is not None and each.width is None
    ]
    if wide:
        yield Alarm(
            "wide_interval",
            Severity.SERIOUS,
            f"The {part.name} images are too few for a firm figure: {'; '.join(wide)}.",
            "Put more patients there: four times as many halve an interval.",
        )
    if unsure:
        yield Alarm(
            "no_interval",
            Severity.SERIOUS,
            f"Nobody can tell how firm these {part.name} figures are: {', '.join(unsure)}. They "
            "have no interval, since a class there has a single patient or hardly more.",
            "Put more patients of each class there before you believe them.",
        )


def _far_above(validation: Part, test: Part) -> Iterator[Alarm]:
    for name in _COMPARED:
        one, other = (part.estimates.get(name, Estimate(None)) for part in (validation, test))
        gap = difference(one, other)
        if gap.low is not None and gap.low > 0:
            yield Alarm(
                "validation_above_test",
                Severity.SERIOUS,
                f"On validation the {_WORDS[name]} is {one.value:.3f}, on test {other.value:.3f}: "
                f"{gap.value:.3f} lower, 95 % interval {gap.low:.3f} to {gap.high:.3f}.",
                "Believe the test figure; look for test images of another origin, and for "
                "choices made too often by the validation figure.",
            )
            return


def _still_learning(circumstances: Circumstances) -> Iterator[Alarm]:
    best, epochs = circumstances.best_epoch, circumstances.epochs
    if best is not None and epochs is not None and best >= epochs:
        yield Alarm(
            "last_epoch_best",
            Severity.NOTE,
            f"The last of {epochs} epochs was the best one: the model was still learning.",
            "Train for more epochs.",
        )
