"""AUROC by a few numbers: against scikit-learn, and with intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from medxfer.audit.separation import (
    FEWEST_PATIENTS,
    MOST_CLASSES,
    MOST_IMAGES,
    Trial,
    _ranked,
    plan_trial,
    separation,
    why_not,
)

Labelled = tuple["pd.Series[str]", "pd.Series[str]"]


def labelled(n: int, classes: int = 2, each: int = 2) -> Labelled:
    index = np.arange(n)
    labels = pd.Series(index % classes).map("c{}".format)
    return labels, pd.Series(index // (each * classes) * classes + index % classes).map(str)


def test_the_statistic_equals_scikit_learn_also_in_resamples() -> None:
    random = np.random.default_rng(0)
    n, people = 200, 60
    targets, patients = random.integers(0, 2, n), random.integers(0, people, n)
    patients[:people] = np.arange(people)
    scores = random.normal(targets, 2).round(1)  # with ties
    counts = np.vstack([np.ones(people), random.integers(0, 3, (5, people))]).astype(np.float32)
    trial = Trial(np.arange(n), targets, patients, np.zeros(n, dtype=np.int64), counts)
    found = _ranked(trial, scores, targets == 1)
    for resample, value in zip(counts, found, strict=True):
        assert value == pytest.approx(
            roc_auc_score(targets, scores, sample_weight=resample[patients])
        )


def test_only_pictures_of_one_fold_are_compared() -> None:
    targets = np.array([0, 1, 0, 1])
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    counts = np.ones((1, 4), dtype=np.float32)
    trial = Trial(np.arange(4), targets, np.arange(4), np.array([0, 0, 1, 1]), counts)
    assert _ranked(trial, scores, targets == 1)[0] == 1
    assert roc_auc_score(targets, scores) == 0.75


def test_patients_stay_in_one_fold_and_the_same_images_give_the_same_trial() -> None:
    trial = plan_trial(*labelled(400))
    folds = pd.Series(trial.folds).groupby(trial.patients).nunique()
    assert folds.max() == 1
    assert len(np.unique(trial.folds)) == 5
    assert (trial.counts[0] == 1).all()
    assert (trial.counts.sum(axis=1) == trial.counts.shape[1]).all()
    again = plan_trial(*labelled(400))
    assert (trial.folds == again.folds).all()
    assert (trial.counts == again.counts).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_what_tells_the_classes_apart_is_found_and_noise_is_not(classes: int) -> None:
    labels, patients = labelled(600, classes)
    random = np.random.default_rng(1)
    trial = plan_trial(labels, patients)
    telling = pd.DataFrame({"a": labels.factorize()[0] + random.normal(0, 0.4, 600)})
    noise = pd.DataFrame(random.normal(size=(600, 12)))
    found, nothing = separation(trial, telling), separation(trial, noise)
    assert found.value is not None
    assert found.low is not None
    assert found.value > 0.9
    assert found.low > 0.85
    assert nothing.low is not None
    assert nothing.value is not None
    assert nothing.value == pytest.approx(0.5, abs=0.06)
    assert nothing.low < 0.55


def test_one_number_a_patient_is_no_more_certain_than_patients_are() -> None:
    labels, patients = labelled(800, each=20)  # 40 patients
    assert why_not(labels, patients)
    wide = _width(labels, patients)
    narrow = _width(labels, pd.Series(np.arange(800)).map(str))
    assert wide > 2 * narrow


def _width(labels: pd.Series[str], patients: pd.Series[str]) -> float:
    random = np.random.default_rng(5)
    people, _ = patients.factorize()
    value = labels.factorize()[0] + random.normal(0, 2, people.max() + 1)[people]
    width = separation(plan_trial(labels, patients), pd.DataFrame({"a": value})).width
    assert width is not None
    return width


def test_missing_and_infinite_numbers_are_no_fault() -> None:
    labels, patients = labelled(400)
    values = pd.DataFrame({"a": labels.factorize()[0].astype(float), "b": 1.0})
    values.loc[::3, "a"] = np.nan
    values.loc[1, "b"] = np.inf
    found = separation(plan_trial(labels, patients), values).value
    assert found is not None
    assert found > 0.7


def test_too_few_are_a_reason_and_no_number() -> None:
    assert f"fewer than {FEWEST_PATIENTS}" in why_not(*labelled(40))
    labels, patients = labelled(400)
    assert why_not(labels, patients) == ""
    assert "two classes" in why_not(pd.Series(["A"] * 398 + ["B"] * 2), patients)


def test_large_sets_are_drawn_from_by_whole_patients_with_rare_classes_kept() -> None:
    labels, patients = labelled(3 * MOST_IMAGES)
    labels[:120] = "rare"
    trial = plan_trial(labels, patients)
    assert len(trial.rows) < 1.2 * MOST_IMAGES
    chosen = patients.iloc[trial.rows]
    assert patients.isin(chosen).sum() == len(chosen)
    assert (labels.iloc[trial.rows] == "rare").sum() == 120
    many = pd.Series(np.arange(400) % 40).map("c{}".format)
    assert plan_trial(many, pd.Series(np.arange(400)).map(str)).targets.max() + 1 == MOST_CLASSES
