"""Label doubts: planted flips are found, no image is judged by its own patient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from medxfer.audit import confident, out_of_fold
from medxfer.audit import doubts as doubts_module
from medxfer.audit.doubts import LabelDoubts, label_doubts
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.severity import Severity

CLASSES = ("NORMAL", "PNEUMONIA", "TB")
GIVEN = np.repeat([0, 1, 2], 4)
SAID = np.array([
    [0.64, 0.13, 0.23], [0.67, 0.02, 0.31], [0.85, 0.10, 0.05], [0.51, 0.24, 0.25],
    [0.04, 0.69, 0.27], [0.55, 0.43, 0.02], [0.10, 0.42, 0.48], [0.03, 0.37, 0.60],
    [0.11, 0.22, 0.67], [0.02, 0.70, 0.28], [0.45, 0.20, 0.35], [0.20, 0.37, 0.43],
])  # fmt: skip


def test_confident_learning_is_that_of_cleanlab() -> None:
    """Doubts, thresholds and confident counts are those of cleanlab 2.9.0.

    It counts [[2, 0, 0], [0, 1, 2], [0, 1, 1]]; scaled to four images a class, they are compared
    before it rounds them to whole images.
    """
    assert_allclose(
        confident.doubt(SAID, GIVEN),
        [0.295, 0.32, 0.125, 0.37, 0.29, 0.56, 0.53, 0.615, 0.275, 0.71, 0.55, 0.47],
    )
    assert_allclose(confident.thresholds(SAID, GIVEN), [0.6675, 0.4775, 0.4325])
    assert_allclose(
        confident.joint(SAID, GIVEN),
        [[1 / 3, 0, 0], [0, 1 / 9, 2 / 9], [0, 1 / 6, 1 / 6]],
    )
    # one image of class 0 and two of class 2 reach no threshold
    assert confident.confident_label(SAID, GIVEN).tolist() == [
        -1, 0, 0, -1, 1, -1, 2, 2, 2, 1, -1, -1
    ]  # fmt: skip


def test_a_class_nobody_is_sure_of_still_counts_as_labelled_rightly() -> None:
    """As the paper's authors do it: at least one image of a class has the right label."""
    said = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.8, 0.2]])
    shares = confident.joint(said, np.array([0, 0, 1, 1]))
    assert_allclose(shares, [[0.5, 0], [0.25, 0.25]])


Cohort = tuple[NDArray[np.float64], NDArray[np.object_], list[str]]


def cohort(images: int = 400, seed: int = 0, apart: float = 2.0) -> Cohort:
    """Gaussian features of three classes, labels, patients of two images each."""
    generator = np.random.default_rng(seed)
    truth = np.repeat(generator.integers(0, 3, images // 2), 2)
    features = generator.normal(size=(images, 30))
    features[:, :4] += apart * generator.normal(size=(3, 4))[truth]
    labels = np.array(CLASSES, dtype=object)[truth]
    return features, labels, [f"p{row // 2}" for row in range(images)]


@pytest.mark.parametrize("seed", range(3))
def test_flipped_labels_come_first(seed: int) -> None:
    features, labels, patients = cohort(seed=seed)
    flipped = np.random.default_rng(seed).choice(400, 20, replace=False)
    given = labels.copy()
    for row in flipped:
        given[row] = CLASSES[(CLASSES.index(labels[row]) + 1) % 3]
    found = label_doubts(features, list(given), patients, CLASSES, seed)
    assert found.table is not None
    top = found.table.head(60)
    planted = top[top["row"].isin(flipped)]
    assert len(planted) >= 16  # 80 %
    assert (planted["suggested"] == labels[planted["row"]]).mean() > 0.8
    assert found.table["rank"].tolist() == list(range(1, 401))
    assert found.table["doubt"].is_monotonic_decreasing
    assert found.table["doubt"].between(0, 1).all()
    assert found.share_wrong == pytest.approx(0.05, abs=0.05)
    finding = found.finding()
    assert finding is not None
    assert "of 400 labels may be wrong" in finding.problem


def test_labels_that_someone_called_right_do_not_count() -> None:
    table = pd.DataFrame(
        {
            "row": [4, 2, 0, 1],
            "doubt": [0.9, 0.8, 0.2, 0.1],
            "likely_wrong": [True, True, False, False],
        }
    )
    joint = pd.DataFrame([[0.5, 0.0], [0.0, 0.5]], index=["a", "b"], columns=["a", "b"])
    doubts = LabelDoubts(table, joint, Estimate(0.92, 0.88, 0.95))
    found = doubts.finding()
    assert found is not None
    assert found.problem.startswith("2 of 4 labels")
    settled = doubts.finding(settled=[2, 0])
    assert settled is not None
    assert settled.problem.startswith("1 of 4 labels")
    assert "1 more were looked at and called right" in settled.problem
    assert doubts.finding(settled=[2, 4]) is None


def test_right_labels_of_distinct_classes_are_not_doubted() -> None:
    features, labels, patients = cohort(apart=20)
    found = label_doubts(features, list(labels), patients, CLASSES)
    assert found.table is not None
    assert not found.table["likely_wrong"].any()
    assert found.share_wrong == 0
    assert found.finding() is None
    assert (found.table["suggested"] == found.table["label"]).all()


def test_features_that_say_nothing_are_not_believed() -> None:
    features, labels, patients = cohort(apart=0)
    found = label_doubts(features, list(labels), patients, CLASSES)
    assert not found.learnable
    finding = found.finding()
    assert finding is not None
    assert finding.severity is Severity.NOTE
    assert "could not be checked" in finding.problem


def test_a_finding_says_how_good_the_model_behind_it_is() -> None:
    features, labels, patients = cohort(apart=3)
    labels[:20:2] = "TB"
    found = label_doubts(features, list(labels), patients, CLASSES)
    accuracy = found.balanced_accuracy
    assert accuracy is not None
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.value == pytest.approx((accuracy.low + accuracy.high) / 2, abs=0.02)
    assert 0.02 < accuracy.high - accuracy.low < 0.12
    finding = found.finding()
    assert finding is not None
    told = f"balanced accuracy of {accuracy.value:.2f} ({accuracy.low:.2f} to {accuracy.high:.2f})"
    assert told in finding.problem
    assert "its own mistakes" in finding.problem


@pytest.mark.parametrize(("low", "learnable"), [(0.84, False), (0.86, True)])
def test_a_middling_model_is_not_believed(low: float, learnable: bool) -> None:
    table = pd.DataFrame({"row": [0], "doubt": [0.9], "likely_wrong": [True]})
    joint = pd.DataFrame(np.eye(2) / 2, index=["a", "b"], columns=["a", "b"])
    found = LabelDoubts(table, joint, Estimate(0.9, low, 0.95))
    assert found.learnable is learnable
    finding = found.finding()
    assert finding is not None
    assert ("could not be checked" in finding.problem) is not learnable


def called_wrong(apart: float, noise: float) -> tuple[float, float, float]:
    """Balanced accuracy, share of labels called wrong, and share of these that are wrong.

    By integration, for two classes of normal distribution so far apart, labels flipped at random,
    and a model that knows it all.
    """
    x = np.linspace(-8, apart + 8, 20_001)
    truth = np.exp(-((x - np.array([[0.0], [apart]])) ** 2) / 2)
    truth /= truth.sum(axis=1, keepdims=True)
    given = (1 - noise) * truth + noise * truth[::-1]
    said = given / given.sum(axis=0)
    reached = said >= (said * given).sum(axis=1, keepdims=True)
    called = np.where(reached, said, -1).argmax(axis=0)
    flagged = np.stack([reached.any(axis=0) & (called == 1 - label) for label in (0, 1)])
    right = np.stack([said.argmax(axis=0) == label for label in (0, 1)])
    share = (given * flagged).sum() / 2
    return (given * right).sum() / 2, share, noise * (truth[::-1] * flagged).sum() / 2 / share


def test_the_bounds_of_what_is_said_are_those_of_two_normal_classes() -> None:
    """The chance that a label called wrong is wrong, at the bound and halfway to perfect."""
    apart = np.linspace(0.5, 3.5, 61)
    sure = np.array([called_wrong(each, 0.05) for each in apart])
    way = 2 * sure[:, 0] - 1
    assert np.interp(doubts_module._LEARNABLE, way, sure[:, 2]) == pytest.approx(0.52, abs=0.02)
    assert np.interp(0.5, way, sure[:, 2]) == pytest.approx(0.22, abs=0.02)
    learnable = apart[way >= doubts_module._LEARNABLE]
    few, many = (np.array([called_wrong(d, e)[1] for d in learnable]) for e in (0.01, 0.05))
    assert few.max() < doubts_module._MANY < many.min()


def test_no_image_is_judged_by_its_own_patient() -> None:
    """Each patient has features of its own and one label, drawn: learned by heart it would show."""
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 5)
    features = generator.normal(size=(40, 60))[person] * 10
    targets = generator.integers(0, 2, 40)[person]
    said = out_of_fold.out_of_fold(features, targets, person, seed=0)
    right = (said.argmax(axis=1) == targets).mean()
    alone = np.arange(200)
    leaked = out_of_fold.out_of_fold(features, targets, alone, seed=0)
    assert right < 0.65
    assert (leaked.argmax(axis=1) == targets).mean() > 0.95


def test_probabilities_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: standardise on the learning folds, fit, ask about the fold left out."""
    monkeypatch.setattr(out_of_fold, "_STRENGTHS", (0.01,))
    features, labels, patients = cohort(120)
    targets = pd.factorize(labels, sort=True)[0]
    people = pd.factorize(np.array(patients))[0]
    found = out_of_fold.out_of_fold(features, targets, people, seed=3)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=3)
    for learned, judged in folds.split(features, targets, people):
        mean, spread = features[learned].mean(axis=0), features[learned].std(axis=0)
        model = LogisticRegression(C=0.01).fit(
            (features[learned] - mean) / spread, targets[learned]
        )
        expected = model.predict_proba((features[judged] - mean) / spread)
        assert_allclose(found[judged], expected, atol=1e-3)


def doubts(labels: str, patients: str) -> LabelDoubts:
    features = np.random.default_rng(0).normal(size=(len(labels), 4))
    return label_doubts(features, list(labels), list(patients), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("labels", "patients"),
    [
        ("aaaaaa", "123456"),  # one class
        ("aaabbb", "123112"),  # b of two patients only
        ("", ""),
    ],
)
def test_nothing_is_said_where_nothing_can_be_compared(labels: str, patients: str) -> None:
    found = doubts(labels, patients)
    assert found.table is None
    assert found.share_wrong is None
    assert found.reason
    finding = found.finding()
    assert finding is not None
    assert finding.problem.endswith(found.reason)


def test_a_class_of_too_few_patients_is_left_out_and_the_rest_judged() -> None:
    found = doubts("aaaaabbbbbcc", "123451234512")
    assert found.table is not None
    assert "'c'" in found.reason
    unjudged = found.table[found.table["label"] == "c"]
    assert unjudged["doubt"].isna().all()
    assert (unjudged["suggested"] == "c").all()
    assert set(found.table["suggested"][found.table["label"] != "c"]) <= {"a", "b"}
    assert found.joint is not None
    assert list(found.joint.columns) == ["a", "b"]


@pytest.mark.parametrize("seed", range(8))
def test_odd_patients_do_not_break_it(seed: int) -> None:
    """Patients with all images, patients of every class, classes of three patients, constants."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(["a", "b", "c"], 60, p=[0.8, 0.12, 0.08])
    patients = generator.choice(["x", *"123456789"], 60, p=[0.55, *[0.05] * 9])
    features = generator.normal(size=(60, 5))
    features[:, 2] = 1.0
    found = label_doubts(features, list(labels), list(patients), ("a", "b", "c"), seed)
    assert found.reason or found.table is not None
    if found.table is not None:
        assert sorted(found.table["row"]) == list(range(60))
        assert found.joint is not None
        assert found.joint.to_numpy().sum() == pytest.approx(1)


def test_the_same_seed_gives_the_same_list() -> None:
    features, labels, patients = cohort(100)
    first, second = (label_doubts(features, list(labels), patients, CLASSES, 4) for _ in "ab")
    assert first.table is not None
    assert second.table is not None
    assert first.table.equals(second.table)


def test_a_strength_is_chosen_on_whole_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_fold, "_CHOSEN_ON", 50)
    people = np.random.default_rng(0).integers(0, 40, 200)
    rows = out_of_fold._sample(np.zeros(200, dtype=np.int64), people, seed=1)
    assert 35 <= len(rows) <= 50
    inside, outside = set(people[rows]), set(np.delete(people, rows))
    assert not inside & outside


@pytest.mark.parametrize("seed", range(4))
def test_a_rare_class_among_many_images_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Five cases in two thousand: a sample of forty images would hold none of them."""
    monkeypatch.setattr(out_of_fold, "_CHOSEN_ON", 40)
    labels = np.where(np.arange(2000) < 5, "rare", "common")
    features = np.random.default_rng(seed).normal(size=(2000, 3))
    features[:5] += 3
    patients = [str(number) for number in range(2000)]
    found = label_doubts(features, list(labels), patients, ("common", "rare"), seed)
    assert found.table is not None
    assert found.table["doubt"].notna().all()
    targets = (labels == "rare").astype(np.int64)
    rows = out_of_fold._sample(targets, np.arange(2000), seed)
    assert targets[rows].sum() == 5
    assert len(rows) <= 40 + 5


def test_a_fold_that_would_learn_one_class_only_is_left_out() -> None:
    """All of class 1 are one patient, who is judged in one of the two folds."""
    targets = np.repeat([0, 1], [6, 3])
    patients = np.array([0, 1, 2, 3, 4, 5, 6, 6, 6])
    folds = list(out_of_fold._folds(2, targets, patients, seed=0))
    assert len(folds) == 1
    for learned, judged in folds:
        assert set(targets[learned]) == {0, 1}
        assert set(targets[judged]) == {0}
        assert not set(patients[learned]) & set(patients[judged])
