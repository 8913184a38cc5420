"""The threshold at which the positive of two classes is called, chosen on validation by a rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from medxfer.errors import EvaluationError
from medxfer.evaluation.curves import Flags
from medxfer.evaluation.predictions import Floats, Ints, Predictions

_TWO = 2


class Rule(StrEnum):
    """What a threshold is chosen for."""

    YOUDEN = "youden"
    """The greatest sensitivity + specificity (Youden 1950); of equals the lowest threshold."""
    SENSITIVITY = "sensitivity"
    """At least this sensitivity: the highest threshold that reaches it."""
    SPECIFICITY = "specificity"
    """At least this specificity: the lowest threshold that reaches it."""
    COST = "cost"
    """The least expected cost, the value being the cost of a miss over that of a false alarm; of
    equals the lowest threshold."""
    THRESHOLD = "threshold"
    """This threshold, by hand."""


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, why it was chosen, and what it gave where it was chosen.

    It belongs to the probabilities it was chosen on: answers with a temperature need it before.
    """

    rule: Rule
    value: float | None
    """What was asked for; None for Youden's rule."""
    threshold: float
    sensitivity: float
    specificity: float
    n: int
    """Images it was chosen on."""
    prevalence: float | None = None
    """The share of positive cases that the costs were weighed at."""

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a run."""
        return {**vars(self), "rule": str(self.rule)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> OperatingPoint:
        """Read what `to_json` wrote.

        Raises:
            EvaluationError: it is something else.
        """
        try:
            return cls(
                rule=Rule(stored["rule"]),
                value=_number(stored["value"]),
                threshold=float(stored["threshold"]),
                sensitivity=float(stored["sensitivity"]),
                specificity=float(stored["specificity"]),
                n=int(stored["n"]),
                prevalence=_number(stored["prevalence"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                "The stored operating point cannot be read.", "Choose it again."
            ) from error


def choose(
    predictions: Predictions,
    rule: Rule,
    value: float | None = None,
    prevalence: float | None = None,
) -> OperatingPoint:
    """The threshold that a rule asks for; give the validation images, never the test ones.

    Thresholds lie half-way between neighbouring probabilities, so that a tiny numerical
    difference does not call an image otherwise. `value` is the sensitivity, specificity, cost
    ratio or threshold of the rule; `prevalence` is for `Rule.COST`, else that of the images.
    Images of unknown truth are left out.

    Raises:
        EvaluationError: there are not two classes, or not images of both; the value does not go
            with the rule; or no threshold reaches it.
    """
    score, positive = scores(predictions)
    _check_value(rule, value, prevalence)
    threshold, hits, rejected = _candidates(score, positive)
    sick, well = int(positive.sum()), int((~positive).sum())
    sensitivity, specificity = hits / sick, rejected / well
    wished = 0.0 if value is None else value
    if rule is Rule.YOUDEN:
        place = int(np.argmax(hits * well + rejected * sick))
    elif rule is Rule.SENSITIVITY:
        place = int(np.flatnonzero(sensitivity >= wished)[-1])
    elif rule is Rule.SPECIFICITY:
        place = _first_specific(specificity, wished)
    elif rule is Rule.COST:
        prevalence = sick / len(score) if prevalence is None else prevalence
        cost = wished * prevalence * (1 - sensitivity) + (1 - prevalence) * (1 - specificity)
        place = int(np.flatnonzero(cost <= cost.min() * (1 + 1e-12))[0])
    else:
        threshold = np.asarray([wished])
        called = score >= wished
        sensitivity = np.asarray([called[positive].mean()])
        specificity = np.asarray([(~called[~positive]).mean()])
        place = 0
    return OperatingPoint(
        rule=rule,
        value=value,
        threshold=float(threshold[place]),
        sensitivity=float(sensitivity[place]),
        specificity=float(specificity[place]),
        n=len(score),
        prevalence=prevalence if rule is Rule.COST else None,
    )


def trade_off(predictions: Predictions, most: int = 1000) -> pd.DataFrame:
    """What each threshold gives: columns threshold (rising), sensitivity, specificity.

    At most so many rows, taken evenly by rank; images of unknown truth are left out.

    Raises:
        EvaluationError: as `scores`.
    """
    score, positive = scores(predictions)
    threshold, hits, rejected = _candidates(score, positive)
    places = np.unique(np.linspace(0, len(threshold) - 1, most).round().astype(np.int64))
    return pd.DataFrame(
        {
            "threshold": threshold[places],
            "sensitivity": hits[places] / positive.sum(),
            "specificity": rejected[places] / (~positive).sum(),
        }
    )


def scores(predictions: Predictions) -> tuple[Floats, Flags]:
    """(n,) the probability of the positive class, and whether it is the truth, where known.

    Raises:
        EvaluationError: there are not two classes, or not images of both.
    """
    if len(predictions.classes) != _TWO:
        raise EvaluationError(
            f"A threshold needs two classes; there are {len(predictions.classes)}.",
            "With more the most probable class is called.",
        )
    cls, known = predictions.positive, predictions.known
    positive = known.truth == cls
    if positive.all() or not positive.any():
        raise EvaluationError(
            "No threshold can be chosen: there are not images of both classes.",
            "Validate on images of both classes.",
        )
    return known.probabilities[:, cls], positive


def between(score: Floats) -> Floats:
    """Thresholds that tell apart every two neighbouring probabilities, rising.

    The first calls all images; the last calls none, unless one has probability 1.
    """
    distinct = np.unique(score)
    lower, upper = np.append(0.0, distinct[:-1]), distinct
    middle = lower + (upper - lower) / 2
    # Between neighbouring floats there is no middle; the upper one separates them as well.
    middle = np.where(middle > lower, middle, upper)
    last = distinct[-1] + (1 - distinct[-1]) / 2
    return np.append(middle, last) if last > distinct[-1] else middle


def _candidates(score: Floats, positive: Flags) -> tuple[Floats, Ints, Ints]:
    """Thresholds rising, with the positives called and the negatives not called at each."""
    threshold = between(score)
    sick, well = np.sort(score[positive]), np.sort(score[~positive])
    hits = len(sick) - np.searchsorted(sick, threshold, side="left")
    rejected = np.searchsorted(well, threshold, side="left")
    return threshold, hits.astype(np.int64), rejected.astype(np.int64)


def _first_specific(specificity: Floats, wished: float) -> int:
    reached = np.flatnonzero(specificity >= wished)
    if not len(reached):
        raise EvaluationError(
            f"No threshold reaches a specificity of {wished:g}: some images of the other class "
            f"have a probability of 1. The best is {specificity.max():.3f}.",
            "Ask for less, or fit a temperature.",
        )
    return int(reached[0])


def _check_value(rule: Rule, value: float | None, prevalence: float | None) -> None:
    if rule is Rule.YOUDEN:
        fits, range_ = value is None, "no value"
    elif rule is Rule.COST:
        fits, range_ = value is not None and 0 < value < np.inf, "a cost ratio above 0"
    else:
        fits, range_ = value is not None and 0 <= value <= 1, "a number from 0 to 1"
    if not fits:
        raise EvaluationError(f"{value} does not go with the rule '{rule}'.", f"Give {range_}.")
    if prevalence is not None and not 0 < prevalence < 1:
        raise EvaluationError(
            f"{prevalence:g} cannot be a prevalence.", "Give a share between 0 and 1."
        )


def _number(stored: Any) -> float | None:
    return None if stored is None else float(stored)
