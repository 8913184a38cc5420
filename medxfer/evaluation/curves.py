"""What one class's probability is worth as a test, at every threshold: ROC, precision-recall."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.errors import EvaluationError
from medxfer.evaluation.predictions import Floats, Ints, Predictions

Flags: TypeAlias = NDArray[np.bool_]


def roc(predictions: Predictions, cls: int) -> pd.DataFrame:
    """The ROC curve of class index `cls` against the rest, thresholds falling.

    An image is called `cls` if its probability is at least `threshold`; the first row, with an
    infinite threshold, calls none. Columns threshold, false_positive_rate, true_positive_rate.

    Raises:
        EvaluationError: no image of the class, or none of another.
    """
    positive, score = _one_against_rest(predictions, cls, "ROC curve")
    threshold, true, false = _steps(positive, score)
    return pd.DataFrame(
        {
            "threshold": np.append(np.inf, threshold),
            "false_positive_rate": np.append(0, false) / false[-1],
            "true_positive_rate": np.append(0, true) / true[-1],
        }
    )


def precision_recall(predictions: Predictions, cls: int) -> pd.DataFrame:
    """The precision-recall curve of class index `cls` against the rest, thresholds falling.

    The first row, with an infinite threshold, is the customary end point (precision 1,
    recall 0). Columns threshold, precision, recall.

    Raises:
        EvaluationError: no image of the class, or none of another.
    """
    positive, score = _one_against_rest(predictions, cls, "precision-recall curve")
    threshold, true, false = _steps(positive, score)
    return pd.DataFrame(
        {
            "threshold": np.append(np.inf, threshold),
            "precision": np.append(1, true / (true + false)),
            "recall": np.append(0, true) / true[-1],
        }
    )


def auroc(positive: Flags, score: Floats) -> float | None:
    """Area under the ROC curve: how often a positive case scores above a negative, ties half.

    `positive` and `score` are (n,). None unless there are cases of both kinds.
    """
    if positive.all() or not positive.any():
        return None
    _, true, false = _steps(positive, score)
    area = np.trapezoid(np.append(0, true), np.append(0, false))
    return float(area / (float(true[-1]) * float(false[-1])))


def average_precision(positive: Flags, score: Floats) -> float | None:
    """Precision averaged over the steps in recall, without interpolation.

    `positive` and `score` are (n,). None unless there are cases of both kinds.
    """
    if positive.all() or not positive.any():
        return None
    _, true, false = _steps(positive, score)
    gained = np.diff(true, prepend=0) / true[-1]
    return float((gained * true / (true + false)).sum())


def ends_of_ties(ranked: Floats) -> Ints:
    """Where each run of equal scores ends; `ranked` is sorted and not empty."""
    return np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)


def _one_against_rest(predictions: Predictions, cls: int, curve: str) -> tuple[Flags, Floats]:
    known = predictions.known
    positive = known.truth == cls
    if positive.all() or not positive.any():
        kind = "other than" if positive.any() else "of"
        raise EvaluationError(
            f"The {curve} of '{predictions.classes[cls]}' is not defined: these predictions hold "
            f"no image {kind} '{predictions.classes[cls]}'.",
            "Evaluate on a part that has images of every class.",
        )
    return positive, known.probabilities[:, cls]


def _steps(positive: Flags, score: Floats) -> tuple[Floats, Ints, Ints]:
    """Distinct thresholds, falling, with the true and false positives at or above each."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_ties = ends_of_ties(ranked)
    true = np.cumsum(positive[order], dtype=np.int64)[last_of_ties]
    return ranked[last_of_ties], true, last_of_ties + 1 - true
