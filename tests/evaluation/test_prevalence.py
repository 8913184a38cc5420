"""Predictive values at a prevalence: by Bayes by hand, intervals by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from medxfer.errors import EvaluationError
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.prevalence import at_prevalence
from medxfer.evaluation.proportion import wilson


def test_by_hand() -> None:
    """Of 1,000 with 10 sick: 9 found, 1 missed; 198 of 990 called wrongly, 792 rightly not."""
    ppv, npv = at_prevalence(Estimate(0.9), Estimate(0.8), 0.01)
    assert ppv.value == pytest.approx(9 / (9 + 198))
    assert npv.value == pytest.approx(792 / (792 + 1))
    assert ppv.low is None
    assert npv.high is None


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "n", "prevalence"),
    [(0.9, 0.85, 100, 0.1), (0.7, 0.95, 60, 0.02), (0.95, 0.6, 200, 0.5), (0.8, 0.97, 50, 0.3)],
)
def test_the_intervals_cover(
    sensitivity: float, specificity: float, n: int, prevalence: float
) -> None:
    generator = np.random.default_rng(0)
    hits, rejected = sensitivity * prevalence, specificity * (1 - prevalence)
    truth = (
        hits / (hits + (1 - specificity) * (1 - prevalence)),
        rejected / (rejected + (1 - sensitivity) * prevalence),
    )
    inside = np.zeros(2)
    for _ in range(2000):
        measured = [
            wilson(int(generator.binomial(n, rate)), n) for rate in (sensitivity, specificity)
        ]
        for at, (value, estimate) in enumerate(
            zip(truth, at_prevalence(*measured, prevalence), strict=True)
        ):
            assert estimate.low is not None
            assert estimate.high is not None
            inside[at] += estimate.low <= value <= estimate.high
    assert (np.abs(inside / 2000 - 0.95) < 0.02).all()


def test_perfect_rates_still_have_an_interval() -> None:
    ppv, npv = at_prevalence(wilson(50, 50), wilson(50, 50), 0.1)
    assert ppv.value == npv.value == 1
    assert ppv.high == npv.high == 1
    assert ppv.low is not None
    assert npv.low is not None
    assert 0.3 < ppv.low < 0.7
    assert 0.9 < npv.low < 1
    worse, _ = at_prevalence(wilson(0, 50), wilson(25, 50), 0.1)
    assert (worse.value, worse.low) == (0, 0)
    assert worse.high is not None
    assert worse.high > 0


def test_what_is_not_defined() -> None:
    ppv, npv = at_prevalence(wilson(0, 20), wilson(30, 30), 0.1)
    assert ppv == Estimate(None)
    assert npv.value == pytest.approx(0.9)
    assert at_prevalence(Estimate(None), wilson(3, 4), 0.1) == (Estimate(None), Estimate(None))


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -1.0, np.nan])
def test_a_prevalence_is_a_share(prevalence: float) -> None:
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        at_prevalence(Estimate(0.9), Estimate(0.9), prevalence)
