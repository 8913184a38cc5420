"""Temperature scaling finds the temperature, and changes nothing that is about order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_cases import binary, simulated
from sklearn.linear_model import LogisticRegression

from medxfer.errors import EvaluationError
from medxfer.evaluation.calibration import calibration
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.temperature import fit_temperature


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("certainty", [0.25, 1.0, 4.0])
def test_it_finds_how_much_too_certain_the_answers_are(classes: int, certainty: float) -> None:
    predictions = simulated(20_000, classes, certainty=certainty)
    assert fit_temperature(predictions) == pytest.approx(certainty, rel=0.06)


def test_two_classes_equal_a_regression_through_the_origin() -> None:
    predictions = simulated(300, certainty=3.0)
    odds = predictions.logits[:, 1] - predictions.logits[:, 0]
    theirs = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
    theirs.fit(odds[:, None], predictions.truth)
    assert fit_temperature(predictions) == pytest.approx(1 / theirs.coef_[0, 0], rel=1e-4)


@given(st.integers(0, 10_000), st.integers(2, 4), st.floats(0.3, 4), st.floats(0.3, 30))
@settings(max_examples=40, deadline=None)
def test_it_never_changes_the_class_or_the_order(
    seed: int, classes: int, certainty: float, factor: float
) -> None:
    predictions = simulated(80, classes, seed=seed, certainty=certainty)
    before = summary(predictions)
    # Far below the fitted temperature probabilities round to 1 and become equal.
    for temperature in (fit_temperature(predictions), factor * certainty):
        tempered = predictions.tempered(temperature)
        np.testing.assert_array_equal(tempered.predicted, predictions.predicted)
        after = summary(tempered)
        assert after["accuracy"] == before["accuracy"]
        if classes == 2:  # with more, the order of a class's probabilities may change
            assert after["auroc"] == pytest.approx(before["auroc"], abs=1e-12)
    fitted = summary(predictions.tempered(fit_temperature(predictions)))
    assert fitted["log_loss"] is not None
    assert before["log_loss"] is not None
    assert fitted["log_loss"] <= before["log_loss"] + 1e-9


def test_it_mends_calibration_on_other_images() -> None:
    validation, test = (simulated(600, seed=seed, certainty=5.0) for seed in (1, 2))
    mended = calibration(test.tempered(fit_temperature(validation)), resamples=100)
    (slope,) = (each.slope.value for each in mended.lines)
    assert slope == pytest.approx(1, abs=0.3)
    before = calibration(test, resamples=100).error.value
    assert before is not None
    assert mended.error.value is not None
    assert before > 2 * mended.error.value


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        (simulated(19), "at least 20"),
        (binary([0] * 30, [0.4, 0.6] * 15), "one class"),
        (binary([0] * 15 + [1] * 15, [0.4] * 15 + [0.6] * 15), "answered rightly"),
        (binary([0] * 15 + [1] * 15, [0.6] * 15 + [0.4] * 15), "no better than chance"),
        (binary([0] * 15 + [1] * 15, [0.5] * 30), "answered rightly"),
    ],
)  # fmt: skip
def test_where_there_is_none_it_says_why(predictions, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EvaluationError, match=words):
        fit_temperature(predictions)
