"""Reliability and calibration error against scikit-learn, by hand and by simulation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from simulated_cases import binary, of, simulated
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from medxfer.errors import EvaluationError
from medxfer.evaluation.calibration import calibration, claims, patient_draws, reliability
from medxfer.evaluation.intervals import estimates
from medxfer.evaluation.predictions import Ints, Predictions


@pytest.mark.parametrize("bins", [1, 5, 10])
@pytest.mark.parametrize("levels", [None, 7])
def test_the_diagram_equals_scikit_learn(bins: int, levels: int | None) -> None:
    predictions = simulated(300, seed=3, certainty=2.0)
    if levels:
        predictions = of(predictions.truth, np.round(predictions.logits * levels) / levels)
    ours = reliability(predictions, bins=bins)
    observed, claimed = calibration_curve(
        predictions.truth, predictions.probabilities[:, 1], n_bins=bins, strategy="quantile"
    )
    np.testing.assert_allclose(ours["observed"], observed)
    np.testing.assert_allclose(ours["probability"], claimed)
    assert ours["n"].sum() == 300
    for row in ours.itertuples():
        hits = round(row.observed * row.n)
        theirs = binomtest(hits, row.n).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((theirs.low, theirs.high))


def test_bins_hold_ten_images_or_are_fewer() -> None:
    assert len(reliability(simulated(500))) == 10
    assert len(reliability(simulated(35))) == 3
    assert len(reliability(simulated(4))) == 1


def test_the_error_by_hand() -> None:
    """20 images at 0.2 of which 8 are sick, 20 at 0.7 of which 13 are: |0.4-0.2|, |0.65-0.7|."""
    truth = [1] * 8 + [0] * 12 + [1] * 13 + [0] * 7
    found = calibration(binary(truth, [0.2] * 20 + [0.7] * 20), resamples=20)
    assert found.error.value == pytest.approx((0.2 + 0.05) / 2)
    assert found.bins["n"].tolist() == [20, 20]


def test_more_than_two_classes_are_judged_by_the_top_one_or_one_against_the_rest() -> None:
    predictions = simulated(200, 4, seed=1)
    score, hit = claims(predictions)
    np.testing.assert_array_equal(score, predictions.probabilities.max(axis=1))
    np.testing.assert_array_equal(hit, predictions.predicted == predictions.truth)
    observed, _ = calibration_curve(
        predictions.truth == 2, predictions.probabilities[:, 2], n_bins=10, strategy="quantile"
    )
    np.testing.assert_allclose(reliability(predictions, cls=2)["observed"], observed)
    found = calibration(predictions, resamples=30)
    assert [each.name for each in found.lines] == list(predictions.classes)
    one_hot = np.eye(4)[predictions.truth]
    brier = brier_score_loss(one_hot.ravel(), predictions.probabilities.ravel()) * 4
    assert found.brier.value == pytest.approx(brier)


def test_brier_of_two_classes_equals_scikit_learn() -> None:
    predictions = simulated(100)
    theirs = brier_score_loss(predictions.truth, predictions.probabilities[:, 1])
    assert calibration(predictions, resamples=10).brier.value == pytest.approx(theirs)


def test_slopes_and_intercepts_cover_the_truth() -> None:
    """Right logits have slope 1 and intercepts 0; twice too large ones have slope 1/2."""
    inside = np.zeros(4)
    for seed in range(30):
        right = simulated(200, seed=seed)
        (sure,) = calibration(right.tempered(0.5), resamples=60, seed=seed).lines
        (found,) = calibration(right, resamples=60, seed=seed).lines
        estimates = [found.slope, sure.slope, found.intercept, found.in_the_large]
        for at, (estimate, truth) in enumerate(zip(estimates, [1, 0.5, 0, 0], strict=True)):
            assert estimate.low is not None
            assert estimate.high is not None
            inside[at] += estimate.low <= truth <= estimate.high
    assert (inside >= 25).all()


def test_right_probabilities_have_an_error_that_shows_nothing() -> None:
    below = 0
    for seed in range(60):
        found = calibration(simulated(150, seed=seed), resamples=20, seed=seed)
        assert found.error.value is not None
        below += found.error.value <= found.error_if_right
        assert found.error.value > 0
        assert found.error.value > found.error_if_right or found.error.low == 0
    assert below >= 52


def one_label_a_patient(seed: int, patients: int = 20, images: int = 50) -> Predictions:
    """Right probabilities of each image, from a normal measurement of its patient's label."""
    generator = np.random.default_rng(seed)
    truth = np.repeat(generator.integers(0, 2, patients), images)
    measured = generator.normal(size=len(truth)) + truth - 0.5
    return of(truth, np.stack([np.zeros(len(truth)), measured], axis=1), per_patient=images)


def test_with_few_patients_right_probabilities_seem_further_off() -> None:
    """Drawn image by image, the bound was 0.05, and 29 of these 40 were above it."""
    found = [calibration(one_label_a_patient(seed), resamples=1, seed=seed) for seed in range(40)]
    below = sum(each.error.value <= each.error_if_right for each in found
                if each.error.value is not None)  # fmt: skip
    assert below >= 35
    assert np.median([each.error_if_right for each in found]) < 0.35
    alone = [calibration(simulated(1000, seed=seed), resamples=1).error_if_right for seed in (1, 2)]
    assert max(alone) < 0.06  # one image a patient: as before


def test_the_calibration_error_may_be_greater_than_it_seems() -> None:
    """An upper end that is the value itself would read as if it could not."""
    for seed in range(20):
        error = calibration(simulated(150, seed=seed), resamples=60, seed=seed).error
        assert error.value is not None
        assert error.low is not None
        assert error.high is not None
        assert error.low < error.value < error.high


def test_a_brier_score_has_one_interval() -> None:
    """A report has it in two places; they were made in two ways."""
    predictions = simulated(120, per_patient=3)
    assert calibration(predictions, resamples=20).brier == estimates(predictions, 50)["brier"]


def test_gone_calibration_shows() -> None:
    found = calibration(simulated(400).tempered(0.2), resamples=200)
    assert found.error.low is not None
    assert found.error.value is not None
    assert found.error.low > 0.05
    assert found.error.value > found.error_if_right


def test_images_of_unknown_truth_do_not_count() -> None:
    predictions = simulated(100)
    hidden = predictions.truth.copy()
    hidden[60:] = -1
    whole = of(hidden, predictions.logits)
    part = predictions.only(np.arange(60))
    assert calibration(whole, 20).to_json() == calibration(part, 20).to_json()


def test_what_is_not_defined_is_none() -> None:
    found = calibration(binary([0, 0, 0], [0.1, 0.2, 0.3]), resamples=20).to_json()
    assert found["classes"]["sick"]["slope"] == {"value": None, "low": None, "high": None}
    assert found["expected_calibration_error"]["value"] == pytest.approx(0.2)
    with pytest.raises(EvaluationError, match="no image of known truth"):
        calibration(binary([-1], [0.5]))


def test_a_single_patient_has_no_interval() -> None:
    found = calibration(simulated(60, per_patient=60), resamples=50)
    for estimate in (found.error, found.brier, found.lines[0].slope, found.lines[0].in_the_large):
        assert estimate.value is not None
        assert estimate.low is None


def test_draws_are_of_whole_patients() -> None:
    patients = np.array(["a", "b", "a", "c", "c"])
    draws = np.array(list(patient_draws(patients, 3000, seed=1)))
    np.testing.assert_array_equal(draws[:, 0], draws[:, 2])
    np.testing.assert_array_equal(draws[:, 3], draws[:, 4])
    assert (draws[:, [0, 1, 3]].sum(axis=1) == 3).all()
    np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.06)
    np.testing.assert_array_equal(draws, list(patient_draws(patients, 3000, seed=1)))


def test_2000_images_take_seconds() -> None:
    start = time.process_time()
    calibration(simulated(2000), resamples=500)
    assert time.process_time() - start < 2


def test_very_many_images_have_fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(patients: Any, resamples: int, seed: int) -> Iterator[Ints]:
        asked.append(resamples)
        return patient_draws(patients, resamples, seed)

    monkeypatch.setattr("medxfer.evaluation.calibration.patient_draws", counted)
    monkeypatch.setattr("medxfer.evaluation.calibration._MOST", 0)
    calibration(simulated(30), resamples=300)
    calibration(simulated(30), resamples=10)
    assert asked == [200, 10]
