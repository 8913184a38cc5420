"""Probabilities at which a person should look instead of the machine answering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medxfer.errors import EvaluationError
from medxfer.evaluation.curves import Flags
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.operating_point import between, scores
from medxfer.evaluation.predictions import Floats, Ints, Predictions
from medxfer.evaluation.proportion import of_patients

UNCERTAIN = -1
"""In place of a class index: no answer."""
_MOST = 512
"""Candidates on each side of the threshold; with more they are taken evenly by rank."""


@dataclass(frozen=True)
class UncertainBand:
    """At or above `high` the positive class is called, below `low` the other, between none.

    `share` is the part of the images it was chosen on that falls within. It belongs to the
    probabilities it was chosen on: answers with a temperature need it before.
    """

    low: float
    high: float
    share: float
    n: int

    def answers(self, predictions: Predictions) -> Ints:
        """(n,) class index, or `UNCERTAIN`."""
        positive = predictions.positive
        score = predictions.probabilities[:, positive]
        called = np.where(score >= self.high, positive, 1 - positive)
        return np.where((score >= self.low) & (score < self.high), UNCERTAIN, called)

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a run."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> UncertainBand:
        """Read what `to_json` wrote.

        Raises:
            EvaluationError: it is something else.
        """
        try:
            low, high, share = (float(stored[name]) for name in ("low", "high", "share"))
            return cls(low, high, share, int(stored["n"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                "The stored uncertain band cannot be read.", "Choose it again."
            ) from error


@dataclass(frozen=True)
class Outside:
    """What the answers that are given are worth; intervals know whose images they are."""

    uncertain: Estimate
    """The share of images without an answer."""
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate

    def to_json(self) -> dict[str, Any]:
        """As it stands in the answers of the command line."""
        return {name: estimate.to_json() for name, estimate in vars(self).items()}


def uncertain_band(
    predictions: Predictions,
    threshold: float = 0.5,
    *,
    accuracy: float = 0.0,
    sensitivity: float = 0.0,
    specificity: float = 0.0,
) -> UncertainBand:
    """The band around a threshold that leaves the fewest images without an answer.

    Outside of it the answers reach the wished accuracy, sensitivity and specificity; of equal
    bands, the one with the lower upper end, then the higher lower end. Give the validation
    images, never the test ones; those of unknown truth are left out. It is the best of many bands
    on the very images that also chose the epoch and, where they are in use, temperature and
    threshold: on new images the answers reach the wish a little less often, so measure it there.

    Raises:
        EvaluationError: there are not two classes, or not images of both; a wish is not from 0
            to 1; or only a band that leaves a class without any answer would reach it.
    """
    wishes = (accuracy, sensitivity, specificity)
    if not all(0 <= wish <= 1 for wish in (*wishes, threshold)):
        raise EvaluationError(
            "The band cannot be chosen by these numbers.", "Give numbers from 0 to 1."
        )
    score, positive = scores(predictions)
    cuts = between(score)
    low = _thin(np.append(cuts[cuts < threshold], threshold)[::-1])
    high = _thin(np.append(threshold, cuts[cuts > threshold]))
    counts = (_counts(score, positive, low), _counts(score, positive, high))
    (miss, rejected), (missed_by_high, rejected_by_high) = counts
    sick, well = int(positive.sum()), int((~positive).sum())
    hit, false_alarm = sick - missed_by_high, well - rejected_by_high
    # Rows are upper ends, columns lower ends: of what is answered, how much is right.
    answered_sick, answered_well = hit[:, None] + miss, false_alarm[:, None] + rejected
    answered = answered_sick + answered_well
    met = (
        (answered_sick > 0)
        & (answered_well > 0)
        & (hit[:, None] + rejected >= accuracy * answered - 1e-9)
        & (hit[:, None] >= sensitivity * answered_sick - 1e-9)
        & (rejected >= specificity * answered_well - 1e-9)
    )
    if not met.any():
        raise EvaluationError(
            "No band reaches this on these images and still answers for both classes.",
            "Ask for less, or validate on more images.",
        )
    best = np.unravel_index(np.argmax(np.where(met, answered, -1)), met.shape)
    share = 1 - int(answered[best]) / len(score)
    return UncertainBand(float(low[best[1]]), float(high[best[0]]), share, len(score))


def outside(predictions: Predictions, band: UncertainBand) -> Outside:
    """How many images get no answer, and how good the answers to the others are.

    Images of unknown truth are left out.
    """
    known = predictions.known
    answers, patients = band.answers(known), known.facts["patient"].to_numpy()
    positive = known.positive
    given, right = answers != UNCERTAIN, answers == known.truth

    def share(rows: Flags) -> Estimate:
        return of_patients(right[rows], patients[rows])

    return Outside(
        uncertain=of_patients(~given, patients),
        accuracy=share(given),
        sensitivity=share(given & (known.truth == positive)),
        specificity=share(given & (known.truth != positive)),
    )


def _counts(score: Floats, positive: Flags, cuts: Floats) -> tuple[Ints, Ints]:
    """Positives and negatives below each cut."""
    below = [np.searchsorted(np.sort(score[kind]), cuts) for kind in (positive, ~positive)]
    return below[0].astype(np.int64), below[1].astype(np.int64)


def _thin(cuts: Floats) -> Floats:
    """At most `_MOST` of them, the first (nearest the threshold) and the last among them."""
    if len(cuts) <= _MOST:
        return cuts
    return cuts[np.linspace(0, len(cuts) - 1, _MOST).round().astype(np.int64)]
