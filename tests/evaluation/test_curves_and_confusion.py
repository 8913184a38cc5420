"""Curves and confusion matrices against scikit-learn and by hand."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from medxfer.errors import EvaluationError
from medxfer.evaluation.confusion import by_row, cell, matrix
from medxfer.evaluation.curves import auroc, average_precision, precision_recall, roc
from medxfer.evaluation.predictions import Predictions


@pytest.fixture(params=[(2, None), (2, 4), (4, None), (4, 3)], ids=str)
def predictions(request: pytest.FixtureRequest) -> Predictions:
    """200 images; a second number means that many distinct scores, so that many are equal."""
    classes, levels = request.param
    generator = np.random.default_rng(7)
    truth = generator.integers(0, classes, 200)
    logits = generator.normal(size=(200, classes)) + 0.8 * np.eye(classes)[truth]
    if levels:
        logits = np.round(logits * levels / 6)
    truth[::10] = -1
    facts = pd.DataFrame({name: [str(row) for row in range(200)] for name in ("image", "file")})
    facts = facts.assign(patient="p", split="val")
    return Predictions(tuple("ABCD"[:classes]), facts, truth, logits)


def test_roc_equals_scikit_learn(predictions: Predictions) -> None:
    known = predictions.truth >= 0
    for cls in range(len(predictions.classes)):
        positive = predictions.truth[known] == cls
        score = predictions.probabilities[known, cls]
        false, true, threshold = reference.roc_curve(positive, score, drop_intermediate=False)
        ours = roc(predictions, cls)
        np.testing.assert_allclose(ours["false_positive_rate"], false)
        np.testing.assert_allclose(ours["true_positive_rate"], true)
        np.testing.assert_allclose(ours["threshold"], threshold)
        area = np.trapezoid(ours["true_positive_rate"], ours["false_positive_rate"])
        assert auroc(positive, score) == pytest.approx(area)


def test_precision_recall_equals_scikit_learn(predictions: Predictions) -> None:
    known = predictions.truth >= 0
    for cls in range(len(predictions.classes)):
        positive = predictions.truth[known] == cls
        score = predictions.probabilities[known, cls]
        precision, recall, threshold = reference.precision_recall_curve(positive, score)
        ours = precision_recall(predictions, cls).iloc[::-1]
        np.testing.assert_allclose(ours["precision"], precision)
        np.testing.assert_allclose(ours["recall"], recall)
        np.testing.assert_allclose(ours["threshold"].iloc[:-1], threshold)
        theirs = reference.average_precision_score(positive, score)
        assert average_precision(positive, score) == pytest.approx(theirs)


def test_matrix_equals_scikit_learn(predictions: Predictions) -> None:
    known = predictions.truth >= 0
    labels = list(range(len(predictions.classes)))
    truth, called = predictions.truth[known], predictions.predicted[known]
    counts = matrix(predictions)
    np.testing.assert_array_equal(counts, reference.confusion_matrix(truth, called, labels=labels))
    theirs = reference.confusion_matrix(truth, called, labels=labels, normalize="true")
    np.testing.assert_allclose(by_row(counts), theirs)


def test_cells_hold_each_known_image_once_most_confident_first(predictions: Predictions) -> None:
    counts, seen = matrix(predictions), []
    for truth, predicted in np.ndindex(counts.shape):
        rows = cell(predictions, truth, predicted)
        assert len(rows) == counts[truth, predicted]
        assert set(rows["truth"]) <= {predictions.classes[truth]}
        assert set(rows["prediction"]) <= {predictions.classes[predicted]}
        assert rows[f"p({predictions.classes[predicted]})"].is_monotonic_decreasing
        seen += rows["image"].tolist()
    known = predictions.facts["image"][predictions.truth >= 0]
    assert sorted(seen) == sorted(known)


def test_a_class_without_images_has_no_row_of_parts() -> None:
    parts = by_row(np.array([[3, 1], [0, 0]]))
    assert parts[0].tolist() == [0.75, 0.25]
    assert np.isnan(parts[1]).all()


@pytest.mark.parametrize(
    ("cls", "words"), [(0, "no image other than 'well'"), (1, "no image of 'sick'")]
)
def test_a_curve_that_is_not_defined_says_so(cls: int, words: str) -> None:
    facts = pd.DataFrame({name: ["a", "b"] for name in ("image", "file", "patient", "split")})
    one_class = Predictions(("well", "sick"), facts, np.array([0, 0]), np.eye(2))
    for curve in (roc, precision_recall):
        with pytest.raises(EvaluationError, match=words):
            curve(one_class, cls)
    assert auroc(one_class.truth == cls, one_class.probabilities[:, cls]) is None
    assert average_precision(one_class.truth == cls, one_class.probabilities[:, cls]) is None


def test_figures_do_not_pay_for_torch() -> None:
    code = (
        "import sys, medxfer.evaluation.metrics, medxfer.evaluation.curves; "
        "sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
