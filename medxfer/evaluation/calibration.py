"""Do the probabilities mean what they say: reliability, calibration error, slope and intercept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.errors import EvaluationError
from medxfer.evaluation.cox import Line, line, logit_of
from medxfer.evaluation.curves import Flags
from medxfer.evaluation.estimate import LEVEL, Estimate, plain_rows
from medxfer.evaluation.predictions import Floats, Ints, Predictions
from medxfer.evaluation.proportion import of_patients, proportion
from medxfer.evaluation.sample import Sample

BINNING = (
    "Expected calibration error (as Guo et al. 2017, but over at most 10 bins with equally many "
    "images); it comes out too high when images are few, even for right probabilities."
)
_TWO = 2
_BINS = 10
_FEWEST = 10
"""Images a bin on average, below which there are fewer bins."""
_TOLERATED = 0.05
"""The part of the resamples in which a figure may be undefined before its interval is."""
_MOST, _FEWEST_RESAMPLES = 2 * 10**8, 200
"""Images times judged classes times resamples, about half a minute; and resamples all the same."""


@dataclass(frozen=True)
class ClassLine:
    """Calibration slope and intercepts of one class against the rest, with intervals."""

    name: str
    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate


@dataclass(frozen=True)
class Calibration:
    """How far the probabilities of n images may be taken at their word.

    `bins` is the reliability diagram; `error` the expected calibration error as in `BINNING`,
    and `error_if_right` what 19 of 20 data sets of as many images and patients would stay below
    if every probability were right (Bröcker and Smith 2007, but with the images of a patient as
    alike as these are): an error below it shows nothing. `brier` is that of `Intervals.overall`.
    `lines` has the positive class of two, or every class of more.
    """

    n: int
    patients: int
    bins: pd.DataFrame
    error: Estimate
    error_if_right: float
    brier: Estimate
    lines: tuple[ClassLine, ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the answers of the command line."""
        return {
            "images": self.n,
            "patients": self.patients,
            "expected_calibration_error": self.error.to_json(),
            "expected_calibration_error_if_right": self.error_if_right,
            "binning": BINNING,
            "brier": self.brier.to_json(),
            "classes": {
                each.name: {
                    "slope": each.slope.to_json(),
                    "intercept": each.intercept.to_json(),
                    "in_the_large": each.in_the_large.to_json(),
                }
                for each in self.lines
            },
            "bins": plain_rows(self.bins),
        }


def calibration(predictions: Predictions, resamples: int = 2000, seed: int = 0) -> Calibration:
    """Everything about calibration, with 95 % intervals from a bootstrap over patients.

    Images of unknown truth are left out. There are fewer resamples, but at least 200, where
    images times judged classes times resamples would be more than 2 * 10⁸.

    Raises:
        EvaluationError: no image of known truth.
    """
    sample = Sample(predictions)
    known = sample.predictions
    score, hit = claims(known)
    error_if_right = _error_if_right(score, hit, sample.patients.of_image, seed)
    truth, patients = known.truth, known.facts["patient"].to_numpy()
    order = np.argsort(score, kind="stable")
    score, hit = score[order], hit[order].astype(np.float64)
    classes = known.judged_classes
    logits = [logit_of(known, cls) for cls in classes]
    resamples = min(resamples, max(_MOST // (len(known) * len(classes)), _FEWEST_RESAMPLES))

    ones = np.ones(len(known), dtype=np.int64)
    whole = [line(logit, truth == cls) for cls, logit in zip(classes, logits, strict=True)]

    def figures(times: Ints) -> list[float]:
        weight = times.astype(np.float64)
        fits = [
            line(logit, truth == cls, weight, start)
            for cls, logit, start in zip(classes, logits, whole, strict=True)
        ]
        again = times[order]
        error = _error(np.repeat(score, again), np.repeat(hit, again), _bins_for(len(known)))
        return [error, *(value for fit in fits for value in _numbers(fit))]

    values = figures(ones)
    drawn = np.asarray([figures(times) for times in patient_draws(patients, resamples, seed)])
    drawn = drawn.reshape(resamples, len(values))
    error, *rest = (
        _percentiles(value, column) for value, column in zip(values, drawn.T, strict=True)
    )
    lines = [
        ClassLine(known.classes[cls], *rest[3 * place : 3 * place + 3])
        for place, cls in enumerate(classes)
    ]
    return Calibration(
        n=len(known),
        patients=len(pd.unique(patients)),
        bins=reliability(known),
        error=_reflected(error, drawn[:, 0], error_if_right),
        error_if_right=error_if_right,
        brier=sample.brier,
        lines=tuple(lines),
    )


def reliability(
    predictions: Predictions, cls: int | None = None, bins: int | None = None
) -> pd.DataFrame:
    """The reliability diagram: one row a bin, probabilities rising.

    Columns n, probability (mean claimed), observed (share that came true), low and high (Wilson
    95 %, knowing whose images they are). Bins hold equally many images, but equal probabilities
    stay together; there are at most 10, and fewer if they would hold fewer than 10 images. For
    `cls` see `claims`.

    Raises:
        EvaluationError: no image of known truth.
    """
    known = predictions.known
    score, hit = claims(known, cls)
    order = np.argsort(score, kind="stable")
    hit, patients = hit[order], known.facts["patient"].to_numpy()[order]
    n, claimed, came = _binned(score[order], hit, bins or _bins_for(len(score)))
    ends = np.cumsum(n)
    shares = [
        of_patients(hit[start:end], patients[start:end])
        for start, end in zip(ends - n, ends, strict=True)
    ]
    return pd.DataFrame(
        {
            "n": n,
            "probability": claimed / n,
            "observed": came / n,
            "low": [share.low for share in shares],
            "high": [share.high for share in shares],
        }
    )


def claims(predictions: Predictions, cls: int | None = None) -> tuple[Floats, Flags]:
    """(n,) the probability claimed for each image, and whether it came true.

    Of class index `cls` against the rest; without one, of the positive of two classes, or of the
    most probable class of more (its confidence).

    Raises:
        EvaluationError: no images.
    """
    if not len(predictions):
        raise EvaluationError(
            "Calibration is not defined: no image of known truth.",
            "Evaluate on images with labels.",
        )
    if cls is None and len(predictions.classes) == _TWO:
        cls = predictions.positive
    if cls is not None:
        return predictions.probabilities[:, cls], predictions.truth == cls
    top = predictions.probabilities.argmax(axis=1)
    return predictions.probabilities.max(axis=1), predictions.truth == top


def patient_draws(patients: NDArray[Any], resamples: int, seed: int) -> Iterator[Ints]:
    """Yields (n,) how often each image is taken: patients drawn with replacement.

    Not within classes, on purpose: how many of the images are positive is half of what
    calibration is about, and with the mix held fixed the intercepts' intervals hold the truth
    in only three of four data sets. `patients` is (n,).
    """
    person, names = pd.factorize(patients)
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = generator.integers(len(names), size=len(names))
        yield np.bincount(drawn, minlength=len(names))[person].astype(np.int64)


def _numbers(fit: Line) -> list[float]:
    values = (fit.slope, fit.intercept, fit.in_the_large)
    return [np.nan if value is None else value for value in values]


def _bins_for(n: int) -> int:
    return min(_BINS, max(1, n // _FEWEST))


def _binned(score: Floats, hit: NDArray[Any], bins: int) -> tuple[Ints, Floats, Floats]:
    """Images, summed claims and hits of the bins that hold any; `score` rises."""
    # np.quantile would sort again, 2,000 times.
    at = np.linspace(0, 1, bins + 1)[1:-1] * (len(score) - 1)
    lower = at.astype(np.int64)
    edges = score[lower] + (at - lower) * (
        score[np.minimum(lower + 1, len(score) - 1)] - score[lower]
    )
    ends = np.append(np.searchsorted(score, edges, side="right"), len(score))
    cuts = np.unique(np.append(0, ends))
    claimed, came = (np.append(0, np.cumsum(each, dtype=np.float64))[cuts] for each in (score, hit))
    return np.diff(cuts), np.diff(claimed), np.diff(came)


def _error(score: Floats, hit: NDArray[Any], bins: int) -> float:
    n, claimed, came = _binned(score, hit, bins)
    return float(np.abs(claimed - came).sum() / n.sum())


def _error_if_right(score: Floats, hit: Flags, patient: Ints, seed: int, draws: int = 400) -> float:
    """What 19 of 20 draws of the truth from the probabilities stay below; `patient` from 0.

    The images of a patient come true together as often as theirs do here. With one label a
    patient that is always; with few patients to tell from it counts as nearly always.
    """
    order = np.argsort(score, kind="stable")
    n, bins, generator = len(score), _bins_for(len(score)), np.random.default_rng(seed)
    together = np.sqrt(_alike(hit, patient))
    errors = []
    for _ in range(draws):
        own, shared = generator.random(n), generator.random(int(patient.max()) + 1)[patient]
        luck = np.where(generator.random(n) < together, shared, own)
        errors.append(_error(score[order], (luck < score)[order], bins))
    return float(np.quantile(errors, LEVEL))


def _alike(hit: Flags, patient: Ints) -> float:
    """How alike the images of a patient are, from 0 (no more than any) to 1; leans to 1."""
    images = np.bincount(patient)
    greatest = float((images**2).sum() / images.sum())
    if greatest <= 1:
        return 0.0
    effect = len(hit) / proportion(hit, np.ones(len(hit), dtype=np.bool_), patient).worth
    return (effect - 1) / (greatest - 1)


def _percentiles(value: float, drawn: Floats) -> Estimate:
    """The percentile interval; none if the figure was undefined in more than a few resamples.

    Nor if all resamples are the same, as with a single patient: that is no sign of certainty.
    """
    if np.isnan(value):
        return Estimate(None)
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < (1 - _TOLERATED) * len(drawn) or len(np.unique(defined)) <= 1:
        return Estimate(value)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def _reflected(estimate: Estimate, drawn: Floats, error_if_right: float) -> Estimate:
    """The lower end of the basic bootstrap interval (Davison and Hinkley 1997, equation 5.6).

    `drawn` are resamples. Resampling adds to the calibration error what sampling already added
    once; reflecting takes it away again instead of counting it twice. An error that right
    probabilities would show as well has 0 in its interval. The upper end would often lie below
    the error itself, which reads as if it were known to be no greater; it is as far above as the
    resamples go below their middle, and so rather too high than too low.
    """
    value = estimate.value
    if value is None or estimate.low is None or estimate.high is None:
        return estimate
    low = 2 * value - estimate.high
    low = 0.0 if value <= error_if_right else min(max(low, 0.0), value)
    high = value + float(np.nanmedian(drawn)) - estimate.low
    return Estimate(value, low, min(high, 1.0))
