"""Two runs on the same images: which is better, and could it be chance?

The interval of a difference comes from a bootstrap over patients that draws the same patients for
both runs, so that what is hard for both does not count. With it stand the two customary tests.
DeLong's for the AUROC counts patients, not images (`delong`). McNemar's for accuracy takes images
for independent: with several a patient its p-value is too small, and the interval is what to go by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
from scipy.stats import binomtest, chi2

from medxfer.errors import EvaluationError
from medxfer.evaluation.bootstrap import RESAMPLES
from medxfer.evaluation.delong import delong
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.metrics import Figures, summary
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.sample import Sample
from medxfer.evaluation.spread import difference, range_of
from medxfer.evaluation.weighted import figures

DECIDING = ("auroc", "accuracy")
"""The figures that `conclusion` is about. Of twelve, some would differ by chance far too often."""
_WORDS = {"auroc": "AUROC", "accuracy": "accuracy"}
_DIGITS = 3
_READS_ZERO = 0.0005
_TWO = 2
_FEW = 25
"""Fewer images that only one run has right are tested exactly."""


@dataclass(frozen=True)
class Comparison:
    """What two runs give on the same images of known truth."""

    images: int
    patients: int
    first: Figures
    second: Figures
    differences: dict[str, Estimate]
    """First minus second of every figure; of brier and log_loss less is better."""
    delong_p: float | None
    """Of the AUROC; None for more than two classes, or if both runs order the images alike."""
    only_first_right: int
    only_second_right: int
    """Images."""
    mcnemar_p: float | None
    """Of the accuracy; None without images."""


def compare(
    first: Predictions, second: Predictions, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare two runs' predictions of the same images, each at its threshold.

    Raises:
        EvaluationError: they are not of the same images, classes or truth.
    """
    a = Sample(first)
    b = Sample(_in_order_of(second, first))
    values = [summary(sample.predictions) for sample in (a, b)]
    # The same seed and the same patients give both runs the same resamples.
    drawn = [figures(sample.resampled(resamples, seed), a.positive) for sample in (a, b)]
    differences = {}
    for name in values[0]:
        ours, theirs = values[0][name], values[1][name]
        value = None if ours is None or theirs is None else ours - theirs
        doubt = max(a.doubt(name), b.doubt(name))
        within, degrees = range_of(name, a.classes), a.degrees(name)
        paired = drawn[0][name] - drawn[1][name]
        differences[name] = difference(value, paired, within, degrees, doubt)
    right = [sample.predictions.truth == sample.predictions.predicted for sample in (a, b)]
    only_first, only_second = (int((one & ~two).sum()) for one, two in (right, right[::-1]))
    return Comparison(
        images=len(a.predictions),
        patients=len(a.patients),
        first=values[0],
        second=values[1],
        differences=differences,
        delong_p=_delong_p(a, b),
        only_first_right=only_first,
        only_second_right=only_second,
        mcnemar_p=mcnemar(only_first, only_second) if len(a.predictions) else None,
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p of McNemar's test (1947): images that only one of two has right.

    Exact (binomial) for fewer than 25 of them, else by chi-square with Edwards' correction for
    continuity. 1 without any.
    """
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    if discordant < _FEW:
        return float(binomtest(only_first, discordant).pvalue)
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / discordant
    return float(chi2.sf(statistic, 1))


def conclusion(comparison: Comparison, first: str = "Run A", second: str = "Run B") -> str:
    """What the comparison shows, in a sentence; `first` and `second` are what to call the runs.

    A difference is shown if 0 lies outside its interval.
    """
    known = {name: comparison.differences[name] for name in DECIDING}
    known = {name: estimate for name, estimate in known.items() if estimate.low is not None}
    if not known:
        return "Nothing can be said: there are too few patients."
    for_first = [name for name, found in known.items() if found.low is not None and found.low > 0]
    for_second = [
        name for name, found in known.items() if found.high is not None and found.high < 0
    ]
    if not for_first and not for_second:
        told = ", ".join(f"{_WORDS[name]} {_told(found)}" for name, found in known.items())
        return f"No difference shown: {told}, {first} minus {second}."
    wins = [_win(first, for_first, known), _win(second, for_second, _turned(known))]
    rest = [
        f"no difference shown in {_WORDS[name]}: {_told(found)}, {first} minus {second}"
        for name, found in known.items()
        if name not in for_first + for_second
    ]
    return "; ".join([*filter(None, wins), *rest]) + "."


def _win(run: str, names: list[str], known: dict[str, Estimate]) -> str:
    told = ", ".join(f"{_WORDS[name]} higher by {_told(known[name])}" for name in names)
    return f"{run} is better: {told}" if names else ""


def _turned(known: dict[str, Estimate]) -> dict[str, Estimate]:
    """Second minus first."""
    return {
        name: Estimate(*(None if end is None else -end for end in (it.value, it.high, it.low)))
        for name, it in known.items()
    }


def _told(estimate: Estimate) -> str:
    numbers = [end for end in (estimate.value, estimate.low, estimate.high) if end is not None]
    # One end of an interval without 0 must not read 0.000.
    digits = _DIGITS + (min(numbers) * max(numbers) > 0 and min(map(abs, numbers)) < _READS_ZERO)
    value, low, high = (
        f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−") for number in numbers
    )
    return f"{value} ({low} to {high})"


def _in_order_of(predictions: Predictions, other: Predictions) -> Predictions:
    """The predictions with images, and the facts about them, in the order of the other ones."""
    if predictions.classes != other.classes:
        raise EvaluationError(
            "These runs do not tell the same classes apart: "
            f"{', '.join(other.classes)} and {', '.join(predictions.classes)}.",
            "Compare runs on the same data set.",
        )
    if len(other.classes) == _TWO and predictions.positive != other.positive:
        named = [it.classes[it.positive] for it in (other, predictions)]
        raise EvaluationError(
            f"To the one run the finding is '{named[0]}', to the other '{named[1]}': their "
            "sensitivities are not of the same class.",
            "Compare runs with the same finding.",
        )
    wanted = pd.Index(other.facts["image"])
    place = pd.Index(predictions.facts["image"]).get_indexer(wanted)
    common = int((place >= 0).sum())
    if not common == len(predictions) == len(other):
        raise EvaluationError(
            f"These runs were not judged on the same images: {len(other):,} and "
            f"{len(predictions):,}, of which {common:,} are common.",
            "Compare runs on the same data set with the same splits.",
        )
    truth = predictions.truth[place]
    changed = int((truth != other.truth).sum())
    if changed:
        raise EvaluationError(
            f"{changed:,} of these {common:,} images had another label in the other run.",
            "Train or evaluate one of the runs again on the data set as it is now.",
        )
    return replace(predictions, facts=other.facts, truth=truth, logits=predictions.logits[place])


def _delong_p(first: Sample, second: Sample) -> float | None:
    if first.positive is None:
        return None
    a, b = first.predictions, second.predictions
    ours, theirs = (it.probabilities[:, first.positive] for it in (a, b))
    tested = delong(a.truth == first.positive, ours, theirs, first.patients.of_image)
    return tested.p if tested else None
