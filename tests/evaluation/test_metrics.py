"""Every figure equals scikit-learn's where it is defined, and is None where it is not."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from sklearn import metrics as reference

from medxfer.evaluation.metrics import epoch_metrics, report, summary
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.predictions import Floats, Ints, Predictions


def predictions_of(
    truth: Sequence[int] | Ints, logits: Floats, classes: tuple[str, ...] | None = None
) -> Predictions:
    n, k = logits.shape
    facts = pd.DataFrame(
        {
            name: [f"{name}{row}" for row in range(n)]
            for name in ("image", "file", "patient", "split")
        }
    )
    names = classes or tuple(f"class {index}" for index in range(k))
    return Predictions(names, facts, np.asarray(truth, dtype=np.int64), logits)


@st.composite
def cases(draw: DrawFn, smallest: int = 1) -> Predictions:
    """2 to 5 classes, often few distinct scores (ties), often a class or more without images."""
    k = draw(st.integers(2, 5))
    n = draw(st.integers(smallest, 40))
    present = draw(st.lists(st.integers(0, k - 1), min_size=1, max_size=k, unique=True))
    truth = draw(st.lists(st.sampled_from(present), min_size=n, max_size=n))
    levels = draw(st.sampled_from([1, 2, 5, 1000]))
    raw = draw(st.lists(st.integers(0, levels), min_size=n * k, max_size=n * k))
    logits = (np.asarray(raw, dtype=np.float64) / levels * 6 - 3).reshape(n, k)
    return predictions_of(truth, logits)


def expected(predictions: Predictions) -> dict[str, float | None]:
    """scikit-learn's figures, with None where it has none of its own or divides 0 by 0."""
    truth, called, p = predictions.truth, predictions.predicted, predictions.probabilities
    labels = list(range(len(predictions.classes)))
    binary, present = len(labels) == 2, sorted(set(truth.tolist()))
    several = len(present) > 1
    chosen = ([1] if binary else present) if several else []

    def mean(values: Sequence[float]) -> float | None:
        return float(np.mean(values)) if len(values) else None

    f1 = reference.f1_score(truth, called, labels=labels, average=None, zero_division=np.nan)
    f1 = f1[[1]] if binary else f1
    constant = not several or len(set(called.tolist())) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an answer of a class without images
        balanced = reference.balanced_accuracy_score(truth, called) if several else None
    figures: dict[str, float | None] = {
        "accuracy": reference.accuracy_score(truth, called),
        "balanced_accuracy": balanced,
        "auroc": mean([reference.roc_auc_score(truth == c, p[:, c]) for c in chosen]),
        "average_precision": mean(
            [reference.average_precision_score(truth == c, p[:, c]) for c in chosen]
        ),
        "f1": mean(f1[~np.isnan(f1)]),
        "mcc": None if constant else reference.matthews_corrcoef(truth, called),
        "brier": reference.brier_score_loss(
            truth, p[:, 1] if binary else p, labels=labels, **({"pos_label": 1} if binary else {})
        ),
        "log_loss": reference.log_loss(truth, p, labels=labels),
    }
    if binary:
        for name, cls, score in (
            ("sensitivity", 1, reference.recall_score),
            ("specificity", 0, reference.recall_score),
            ("ppv", 1, reference.precision_score),
            ("npv", 0, reference.precision_score),
        ):
            value = score(truth, called, pos_label=cls, zero_division=np.nan)
            figures[name] = None if np.isnan(value) else value
    return figures


@given(cases())
@settings(max_examples=150, deadline=None)
def test_summary_equals_scikit_learn(predictions: Predictions) -> None:
    ours, theirs = summary(predictions), expected(predictions)
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert ours[name] == (None if value is None else pytest.approx(value, abs=1e-9)), name


@given(cases(smallest=3))
@settings(max_examples=60, deadline=None)
def test_multiclass_auroc_is_the_macro_one_against_rest_of_scikit_learn(
    predictions: Predictions,
) -> None:
    k = len(predictions.classes)
    if k > 2 and len(set(predictions.truth.tolist())) == k:
        theirs = reference.roc_auc_score(
            predictions.truth, predictions.probabilities, multi_class="ovr", average="macro"
        )
        assert summary(predictions)["auroc"] == pytest.approx(theirs, abs=1e-12)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_epoch_metrics_are_those_of_the_summary(predictions: Predictions) -> None:
    whole = summary(predictions)
    for name, value in epoch_metrics(predictions.truth, predictions.logits).items():
        assert value == (None if whole[name] is None else pytest.approx(whole[name], abs=1e-12))


@given(cases())
@settings(max_examples=60, deadline=None)
def test_report_equals_scikit_learn(predictions: Predictions) -> None:
    labels = list(range(len(predictions.classes)))
    theirs = reference.precision_recall_fscore_support(
        predictions.truth, predictions.predicted, labels=labels, zero_division=np.nan
    )
    ours = report(predictions)
    assert list(ours["class"]) == list(predictions.classes)
    for name, column in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        np.testing.assert_allclose(ours[name], column, atol=1e-12)
    specificity = [
        reference.recall_score(
            predictions.truth != cls, predictions.predicted != cls, zero_division=np.nan
        )
        for cls in labels
    ]
    np.testing.assert_allclose(ours["specificity"], specificity, atol=1e-12)
    np.testing.assert_allclose(ours["sensitivity"], theirs[1], atol=1e-12)


def test_a_part_with_one_class_has_no_auroc_and_no_sensitivity() -> None:
    figures = summary(predictions_of([0, 0, 0], np.array([[1.0, 0], [2.0, 1], [0.5, 0]])))
    undefined = {name for name, value in figures.items() if value is None}
    assert undefined == {
        "balanced_accuracy", "auroc", "average_precision", "f1", "mcc", "sensitivity", "ppv",
    }  # fmt: skip
    assert figures["specificity"] == 1.0


@pytest.mark.parametrize("classes", [2, 3])
def test_no_images_no_figures(classes: int) -> None:
    empty = predictions_of([], np.empty((0, classes)))
    assert set(summary(empty).values()) == {None}
    assert set(epoch_metrics(empty.truth, empty.logits).values()) == {None}
    assert report(empty)["support"].sum() == 0


def test_images_of_unknown_truth_do_not_count() -> None:
    generator = np.random.default_rng(1)
    truth, logits = generator.integers(0, 2, 30), generator.normal(size=(30, 2))
    hidden = truth.copy()
    hidden[20:] = -1
    assert summary(predictions_of(hidden, logits)) == summary(
        predictions_of(truth[:20], logits[:20])
    )


def test_the_positive_class_decides_sensitivity() -> None:
    """Hand-computed: 3 sick of which 2 found, 2 well of which 1 is called sick."""
    truth = [0, 0, 0, 1, 1]
    logits = np.eye(2)[[0, 0, 1, 1, 0]]
    figures = summary(predictions_of(truth, logits, ("ABNORMAL", "NORMAL")))
    assert figures["sensitivity"] == pytest.approx(2 / 3)
    assert figures["specificity"] == pytest.approx(1 / 2)
    assert figures["ppv"] == pytest.approx(2 / 3)
    assert figures["npv"] == pytest.approx(1 / 2)
    assert epoch_metrics(np.asarray(truth), logits, positive=0)["f1"] == figures["f1"]


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (("NORMAL", "PNEUMONIA"), "PNEUMONIA"),
        (("ABNORMAL", "NORMAL"), "ABNORMAL"),
        (("effusion", "no finding"), "effusion"),
        (("glioma", "notumor"), "glioma"),
        (("COVID-19", "non_COVID"), "COVID-19"),
        (("benign", "malignant"), "malignant"),
        (("mass", "nodule"), "nodule"),
        (("healthy", "Negative"), "Negative"),
        (("0", "1"), "1"),
        (("Demented", "NonDemented"), "Demented"),
        (("Parasitized", "Uninfected"), "Parasitized"),
        (("melanoma", "nevus"), "melanoma"),
        (("disease", "disease_free"), "disease"),
    ],
)
def test_positive_class(classes: tuple[str, str], positive: str) -> None:
    assert classes[positive_class(classes)] == positive


def test_a_diverged_epoch_has_no_figures() -> None:
    logits = np.array([[0.0, 1.0], [np.nan, 0.0]])
    assert set(epoch_metrics(np.array([0, 1]), logits).values()) == {None}


def test_confident_answers_stay_exact() -> None:
    """A wrong answer at a logit gap of 1000 costs 1000 nats, not the log of a rounded 0."""
    figures = summary(predictions_of([0, 1], np.array([[0.0, 1000.0], [0.0, 1000.0]])))
    assert figures["log_loss"] == pytest.approx(500.0)


@pytest.mark.parametrize("classes", [2, 14])
def test_epoch_metrics_of_10000_images_take_under_50_ms(classes: int) -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, classes, 10_000)
    logits = generator.normal(size=(10_000, classes))
    seconds = []
    for _ in range(5):
        start = time.process_time()
        epoch_metrics(truth, logits)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.05
