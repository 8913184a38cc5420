"""Resamples are of whole patients, and their figures are scikit-learn's with sample weights."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import made_up, predictions_of
from sklearn import metrics as reference

from medxfer.evaluation.bootstrap import Patients, draws, resampled
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.predictions import Floats, Predictions
from medxfer.evaluation.sample import Sample
from medxfer.evaluation.weighted import Weighing, class_figures, figures

CASES = [made_up(120, 2), made_up(120, 2, levels=1), made_up(150, 4), made_up(150, 4, levels=1)]


@pytest.fixture(params=CASES, ids=["2", "2 with ties", "4", "4 with ties"])
def predictions(request: pytest.FixtureRequest) -> Predictions:
    found: Predictions = request.param
    return found


def weights_of(predictions: Predictions, resamples: int = 20, seed: int = 0) -> Floats:
    return np.concatenate(list(draws(Patients.of(predictions), resamples, seed, at_once=7)))


def test_whole_patients_are_drawn_and_each_kind_keeps_its_weight(predictions: Predictions) -> None:
    patients = Patients.of(predictions)
    weights = weights_of(predictions)
    assert weights.shape == (20, len(patients))
    assert len(patients) == len(predictions) // 2
    for kind in np.unique(patients.kind):
        members = patients.kind == kind
        m = members.sum()
        np.testing.assert_allclose(weights[:, members].sum(axis=1), m)
        times = weights[:, members] * (m - 1) / m
        np.testing.assert_allclose(times, np.round(times), atol=1e-9)
    images = patients.of_image
    assert all(len(set(predictions.facts["patient"][images == p])) == 1 for p in range(5))
    assert (weights == 0).any()


def test_the_spread_of_a_mean_is_right_for_few_patients() -> None:
    """Of 4 patients: the variance of a resampled mean is s² / 4, not 3 / 4 of it."""
    values = np.array([1.0, 4.0, 9.0, 2.0])
    patients = Patients.of(predictions_of(np.zeros(4), np.zeros((4, 2)), np.arange(4)))
    weights = next(draws(patients, 200_000, 0, 200_000))
    assert (weights @ values / 4).var() == pytest.approx(values.var(ddof=1) / 4, rel=0.02)


def test_a_patient_like_nobody_else_is_in_every_resample() -> None:
    truth, patient = np.array([0, 0, 1, 1, 0, 1]), np.array([0, 1, 2, 3, 4, 4])
    weights = weights_of(predictions_of(truth, np.zeros((6, 2)), patient))
    assert (weights[:, 4] == 1).all()


def test_those_that_nobody_is_like_are_one_kind() -> None:
    truth = np.array([0, 0, 1, 1, 2, 2, 0, 1, 1, 2])
    patient = np.array([0, 1, 2, 3, 4, 5, 6, 6, 7, 7])
    patients = Patients.of(predictions_of(truth, np.zeros((10, 3)), patient))
    assert patients.kind[6] == patients.kind[7]
    assert len(set(patients.kind.tolist())) == 4
    assert patients.by_class.tolist() == [3, 4, 3]


def test_figures_of_a_resample_are_those_of_scikit_learn_with_weights(
    predictions: Predictions,
) -> None:
    patients = Patients.of(predictions)
    weights = weights_of(predictions)
    found = figures(Weighing(predictions, patients.of_image)(weights), Sample(predictions).positive)
    truth, called, p = predictions.truth, predictions.predicted, predictions.probabilities
    two = len(predictions.classes) == 2
    chosen = [1] if two else range(len(predictions.classes))
    for row, weight in enumerate(weights[:, patients.of_image]):
        theirs = {
            "accuracy": reference.accuracy_score(truth, called, sample_weight=weight),
            "balanced_accuracy": reference.balanced_accuracy_score(
                truth, called, sample_weight=weight
            ),
            "mcc": reference.matthews_corrcoef(truth, called, sample_weight=weight),
            "log_loss": reference.log_loss(truth, p, sample_weight=weight),
            "brier": reference.brier_score_loss(truth, p[:, 1] if two else p, sample_weight=weight),
            "f1": reference.f1_score(
                truth, called, average="binary" if two else "macro", sample_weight=weight
            ),
            "auroc": np.mean(
                [reference.roc_auc_score(truth == c, p[:, c], sample_weight=weight) for c in chosen]
            ),
            "average_precision": np.mean(
                [
                    reference.average_precision_score(truth == c, p[:, c], sample_weight=weight)
                    for c in chosen
                ]
            ),
        }
        if two:
            theirs["ppv"] = reference.precision_score(truth, called, sample_weight=weight)
            theirs["sensitivity"] = reference.recall_score(truth, called, sample_weight=weight)
            theirs["npv"] = reference.precision_score(
                truth, called, pos_label=0, sample_weight=weight
            )
            theirs["specificity"] = reference.recall_score(
                truth, called, pos_label=0, sample_weight=weight
            )
        assert found.keys() == theirs.keys()
        for name, value in theirs.items():
            assert found[name][row] == pytest.approx(value, abs=1e-9), name


def test_equal_weights_give_the_summary_at_the_threshold() -> None:
    predictions = made_up(100, 2).at(0.3)
    replicates = Weighing(predictions, np.arange(100))(np.ones((1, 100)))
    for name, value in summary(predictions).items():
        assert figures(replicates, Sample(predictions).positive)[name][0] == pytest.approx(
            value, abs=1e-12
        )


def test_what_a_resample_lacks_is_not_defined() -> None:
    predictions = predictions_of(np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]], np.arange(3))
    replicates = Weighing(predictions, np.arange(3))(np.array([[0.0, 0, 0], [2, 0, 0], [0, 0, 3]]))
    found = figures(replicates, Sample(predictions).positive)
    assert all(np.isnan(found[name][0]) for name in found)
    assert {name for name in found if not np.isnan(found[name][1])} == {
        "accuracy", "specificity", "npv", "brier", "log_loss",
    }  # fmt: skip
    assert np.isnan(found["auroc"]).all()
    assert np.isnan(class_figures(replicates)["f1"][1, 1])


def test_a_constant_answer_has_no_correlation_in_any_resample() -> None:
    truth = np.arange(30) % 3 % 2
    constant = predictions_of(truth, np.tile([1.0, 0.3], (30, 1)), np.arange(30))
    replicates = resampled(constant, Patients.of(constant), 200)
    assert np.isnan(figures(replicates, Sample(constant).positive)["mcc"]).all()


def test_how_many_resamples_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    predictions = made_up(200, 3)
    patients = Patients.of(predictions)
    whole = resampled(predictions, patients, 100, seed=3)
    monkeypatch.setattr("medxfer.evaluation.bootstrap._IMAGES_AT_ONCE", 1000)
    pieces = resampled(predictions, patients, 100, seed=3)
    np.testing.assert_array_equal(whole.auroc, pieces.auroc)
    np.testing.assert_array_equal(whole.hits, pieces.hits)
    np.testing.assert_array_equal(whole.called, pieces.called)
    other = resampled(predictions, patients, 100, seed=4)
    assert not np.array_equal(whole.auroc, other.auroc)


def test_very_many_images_or_classes_have_fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    predictions = made_up(100, 4)
    patients = Patients.of(predictions)
    monkeypatch.setattr("medxfer.evaluation.bootstrap._MOST", 100 * 4 * 300)
    assert len(resampled(predictions, patients).brier) == 300
    assert len(resampled(predictions, patients, 50).brier) == 50
    monkeypatch.setattr("medxfer.evaluation.bootstrap._MOST", 0)
    assert len(resampled(predictions, patients).brier) == 200


def test_what_is_kept_of_a_resample_grows_with_the_classes_and_not_with_their_square() -> None:
    predictions = made_up(40, 10)
    kept = resampled(predictions, Patients.of(predictions), 20)
    assert {part.size // 20 for part in vars(kept).values()} == {1, 10}
