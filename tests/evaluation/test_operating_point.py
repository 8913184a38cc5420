"""A chosen threshold meets its rule, the best of all thresholds, by brute force."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from simulated_cases import binary, simulated

from medxfer.errors import EvaluationError
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.operating_point import OperatingPoint, Rule, choose
from medxfer.evaluation.predictions import Predictions


@st.composite
def cases(draw: DrawFn) -> Predictions:
    """Both classes, often equal probabilities, 0 and 1 among them."""
    n = draw(st.integers(2, 25))
    truth = [0, 1, *draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))]
    one = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1))
    return binary(truth, draw(st.lists(one, min_size=n, max_size=n)))


def rates(predictions: Predictions, threshold: float) -> tuple[float, float]:
    figures = summary(predictions.at(threshold))
    sensitivity, specificity = figures["sensitivity"], figures["specificity"]
    assert sensitivity is not None
    assert specificity is not None
    return sensitivity, specificity


def all_rates(predictions: Predictions) -> list[tuple[float, float, float]]:
    """At a threshold on every probability, and at 0 and 1: all that can be called."""
    thresholds = {0.0, 1.0, *predictions.probabilities[:, 1].tolist()}
    return [(each, *rates(predictions, each)) for each in sorted(thresholds)]


@given(cases(), st.sampled_from(Rule), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_what_was_measured_is_what_applying_it_gives(
    predictions: Predictions, rule: Rule, value: float
) -> None:
    try:
        point = choose(predictions, rule, None if rule is Rule.YOUDEN else max(value, 1e-3))
    except EvaluationError:
        assert rule is Rule.SPECIFICITY
        assert all(specificity < value for _, _, specificity in all_rates(predictions))
        return
    assert (point.sensitivity, point.specificity) == rates(predictions, point.threshold)
    assert OperatingPoint.from_json(json.loads(json.dumps(point.to_json()))) == point


@given(cases(), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_sensitivity_at_least(predictions: Predictions, wished: float) -> None:
    point = choose(predictions, Rule.SENSITIVITY, wished)
    assert point.sensitivity >= wished
    reached = [rest for rest in all_rates(predictions) if rest[1] >= wished]
    assert point.specificity == max(specificity for _, _, specificity in reached)


@given(cases(), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_specificity_at_least(predictions: Predictions, wished: float) -> None:
    reached = [rest for rest in all_rates(predictions) if rest[2] >= wished]
    if not reached:
        with pytest.raises(EvaluationError, match="No threshold reaches a specificity"):
            choose(predictions, Rule.SPECIFICITY, wished)
        return
    point = choose(predictions, Rule.SPECIFICITY, wished)
    assert point.specificity >= wished
    assert point.sensitivity == max(sensitivity for _, sensitivity, _ in reached)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_youden_is_the_best_sum_and_of_equals_the_most_sensitive(predictions: Predictions) -> None:
    point = choose(predictions, Rule.YOUDEN)
    best = max(sensitivity + specificity for _, sensitivity, specificity in all_rates(predictions))
    assert point.sensitivity + point.specificity == pytest.approx(best)
    equals = [a for _, a, b in all_rates(predictions) if a + b > best - 1e-9]
    assert point.sensitivity == max(equals)


@given(cases(), st.floats(0.05, 50), st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None)
def test_cost_is_the_least(predictions: Predictions, ratio: float, prevalence: float) -> None:
    def cost(sensitivity: float, specificity: float) -> float:
        return ratio * prevalence * (1 - sensitivity) + (1 - prevalence) * (1 - specificity)

    point = choose(predictions, Rule.COST, ratio, prevalence)
    least = min(cost(a, b) for _, a, b in all_rates(predictions))
    assert cost(point.sensitivity, point.specificity) == pytest.approx(least, abs=1e-9)
    assert point.prevalence == prevalence


@given(cases(), st.sampled_from([Rule.YOUDEN, Rule.SENSITIVITY]))
@settings(max_examples=60, deadline=None)
def test_a_tiny_difference_calls_no_image_otherwise(predictions: Predictions, rule: Rule) -> None:
    point = choose(predictions, rule, 0.8 if rule is Rule.SENSITIVITY else None)
    score = np.unique(np.append(predictions.probabilities[:, 1], 0.0))
    gap = np.diff(score).min(initial=1.0)
    away = np.abs(predictions.probabilities[:, 1] - point.threshold).min()
    assert away >= gap / 2 * (1 - 1e-9) or point.threshold == 0


def test_by_hand() -> None:
    predictions = binary([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.7, 0.9])
    assert choose(predictions, Rule.SENSITIVITY, 1.0).threshold == pytest.approx(0.25)
    assert choose(predictions, Rule.SPECIFICITY, 1.0).threshold == pytest.approx(0.65)
    assert choose(predictions, Rule.YOUDEN).threshold == pytest.approx(0.25)
    # A miss that costs a tenth: better to call no false alarm.
    dear = choose(predictions, Rule.COST, 0.1)
    assert (dear.threshold, dear.prevalence) == (pytest.approx(0.65), 0.5)
    # The same costs where the finding is common: a miss weighs 0.1 * 0.99 against 0.01.
    assert choose(predictions, Rule.COST, 0.1, 0.99).threshold == pytest.approx(0.25)
    hand = choose(predictions, Rule.THRESHOLD, 0.7)
    assert (hand.sensitivity, hand.specificity, hand.n) == (2 / 3, 1.0, 6)


def test_certain_false_alarms_cannot_be_avoided() -> None:
    predictions = binary([0, 0, 1, 1], [0.1, 1.0, 0.9, 1.0])
    with pytest.raises(EvaluationError, match=r"a probability of 1\. The best is 0\.500"):
        choose(predictions, Rule.SPECIFICITY, 0.9)


@pytest.mark.parametrize(
    ("rule", "value", "prevalence", "words"),
    [
        (Rule.YOUDEN, 0.5, None, "no value"),
        (Rule.SENSITIVITY, None, None, "from 0 to 1"),
        (Rule.SPECIFICITY, 1.2, None, "from 0 to 1"),
        (Rule.THRESHOLD, np.nan, None, "from 0 to 1"),
        (Rule.COST, 0.0, None, "above 0"),
        (Rule.COST, 2.0, 1.0, "cannot be a prevalence"),
    ],
)
def test_a_value_that_does_not_go_with_the_rule(
    rule: Rule, value: float | None, prevalence: float | None, words: str
) -> None:
    with pytest.raises(EvaluationError, match=words):
        choose(simulated(20), rule, value, prevalence)


def test_what_has_no_threshold() -> None:
    with pytest.raises(EvaluationError, match="needs two classes; there are 3"):
        choose(simulated(20, 3), Rule.YOUDEN)
    with pytest.raises(EvaluationError, match="not images of both classes"):
        choose(binary([1, 1, -1], [0.1, 0.2, 0.3]), Rule.YOUDEN)
    with pytest.raises(EvaluationError, match="Choose it again"):
        OperatingPoint.from_json({"rule": "luck"})
