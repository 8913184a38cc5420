"""What an answer is worth where the finding is rarer or more common than in the images."""

from __future__ import annotations

import numpy as np

from medxfer.errors import EvaluationError
from medxfer.evaluation.estimate import Estimate


def at_prevalence(
    sensitivity: Estimate, specificity: Estimate, prevalence: float
) -> tuple[Estimate, Estimate]:
    """Positive and negative predictive value (PPV, NPV) at a prevalence, by Bayes' rule.

    Both rise with a likelihood ratio, sensitivity / (1 - specificity) and specificity /
    (1 - sensitivity), so the interval is that of the ratio, recovered from the intervals of its
    two parts (MOVER; Donner and Zou 2012). The two are independent, being measured on different
    patients; the prevalence is taken as known. Not defined where no image is called so.

    Raises:
        EvaluationError: the prevalence is not between 0 and 1.
    """
    if not 0 < prevalence < 1:
        raise EvaluationError(
            f"{prevalence:g} cannot be a prevalence.", "Give a share between 0 and 1."
        )
    odds = prevalence / (1 - prevalence)
    ppv = _predictive(sensitivity, _complement(specificity), odds)
    npv = _predictive(specificity, _complement(sensitivity), 1 / odds)
    return ppv, npv


def _predictive(right: Estimate, wrong: Estimate, odds: float) -> Estimate:
    """The share of right answers: with odds before the test and the two rates of this answer."""
    if right.value is None or wrong.value is None or right.value == wrong.value == 0:
        return Estimate(None)
    value = _share(right.value, wrong.value, odds)
    if right.low is None or right.high is None or wrong.low is None or wrong.high is None:
        return Estimate(value)
    low = _bound(right.value, right.low, wrong.value, wrong.high)
    # The upper end of a ratio is the inverse of the lower end of the inverse ratio.
    high = _bound(wrong.value, wrong.low, right.value, right.high)
    return Estimate(value, min(value, _share(low, 1.0, odds)), max(value, _share(1.0, high, odds)))


def _bound(over: float, over_low: float, under: float, under_high: float) -> float:
    """The lower end of over / under.

    Solves (over - l)(…) of the paper in the form that stays finite for an `under` of 0.
    """
    part = over_low * (2 * over - over_low)
    other = under_high * (2 * under - under_high)
    product = over * under
    root = float(np.sqrt(max(product * product - part * other, 0.0)))
    return part / (product + root) if product + root > 0 else 0.0


def _share(right: float, wrong: float, odds: float) -> float:
    return right * odds / (right * odds + wrong)


def _complement(estimate: Estimate) -> Estimate:
    value, low, high = (
        None if end is None else 1 - end for end in (estimate.value, estimate.high, estimate.low)
    )
    return Estimate(value, low, high)
