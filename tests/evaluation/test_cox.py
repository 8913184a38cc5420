"""Calibration slope and intercepts against scikit-learn's regression without penalty."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from simulated_cases import of, simulated
from sklearn.linear_model import LogisticRegression

from medxfer.evaluation.cox import Line, line, logit_of


@pytest.mark.parametrize("certainty", [0.2, 1.0, 5.0, -1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_line_equals_scikit_learn(certainty: float, seed: int) -> None:
    predictions = simulated(150, seed=seed, certainty=certainty)
    odds, positive = logit_of(predictions, 1), predictions.truth == 1
    weight = np.random.default_rng(seed).integers(0, 4, 150).astype(np.float64)
    for times in (None, weight):
        ours = line(odds, positive, times)
        theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        theirs.fit(odds[:, None], positive, sample_weight=times)
        assert ours.slope == pytest.approx(theirs.coef_[0, 0], rel=1e-4)
        assert ours.intercept == pytest.approx(theirs.intercept_[0], rel=1e-4, abs=1e-4)
        warm = line(odds, positive, times, Line(1.0, 0.5, 0.5))
        assert warm.slope == pytest.approx(ours.slope, rel=1e-5)
        assert warm.in_the_large == pytest.approx(ours.in_the_large, abs=1e-6)


def test_in_the_large_makes_the_probabilities_add_up() -> None:
    predictions = simulated(150, certainty=3.0)
    odds, positive = logit_of(predictions, 1) + 2, predictions.truth == 1
    theirs = brentq(lambda a: expit(odds + a).sum() - positive.sum(), -20, 20, xtol=1e-12)
    assert line(odds, positive).in_the_large == pytest.approx(theirs, abs=1e-8)


def test_four_groups_by_hand() -> None:
    """Two distinct logits: the line goes through the two observed log odds, 1/4 and 2/3."""
    odds = np.array([-2.0] * 4 + [1.0] * 3)
    positive = np.array([True, False, False, False, True, True, False])
    fit = line(odds, positive)
    slope = (logit(2 / 3) - logit(1 / 4)) / 3
    assert fit.slope == pytest.approx(slope)
    assert fit.intercept == pytest.approx(logit(2 / 3) - slope)


def test_the_odds_against_the_rest() -> None:
    predictions = simulated(50, 4)
    for cls in range(4):
        expected = logit(predictions.probabilities[:, cls])
        np.testing.assert_allclose(logit_of(predictions, cls), expected, rtol=1e-9, atol=1e-12)
    certain = of(np.array([0]), np.array([[1000.0, 0.0]]))
    assert logit_of(certain, 0).tolist() == [1000.0]


def test_what_has_no_slope() -> None:
    odds = np.array([-2.0, -1.0, 1.0, 2.0])
    apart = line(odds, odds > 0)
    assert apart.slope is None
    assert apart.in_the_large == pytest.approx(0, abs=1e-8)
    touching = line(np.array([-1.0, 0.0, 0.0, 1.0]), np.array([False, False, True, True]))
    assert touching.slope is None
    assert line(np.zeros(4), odds > 0).slope is None
    assert line(odds, odds > 9) == Line(None, None, None)


def test_far_outliers_do_not_break_the_fit() -> None:
    generator = np.random.default_rng(0)
    odds = np.append(generator.normal(size=99), 500.0)
    positive = generator.random(100) < 0.5
    positive[-1] = False
    ours = line(odds, positive)
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    theirs.fit(odds[:, None] / 50, positive)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0] / 50, rel=1e-3)
