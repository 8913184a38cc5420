"""The confusion matrix: which class was taken for which, and the images behind each cell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medxfer.evaluation.predictions import Floats, Ints, Predictions


def count(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """(classes, classes) images by true class (rows) and predicted class (columns)."""
    cells = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return np.asarray(cells.reshape(classes, classes), dtype=np.int64)


def matrix(predictions: Predictions) -> Ints:
    """(k, k) images by true class (rows) and predicted class (columns).

    Images of unknown truth are in no cell.
    """
    known = predictions.truth >= 0
    return count(predictions.truth[known], predictions.predicted[known], len(predictions.classes))


def by_row(counts: Ints) -> Floats:
    """Each row of a matrix as parts of that true class, 0 to 1; NaN where it has no image."""
    total = counts.sum(axis=1, keepdims=True)
    parts: Floats = np.full(counts.shape, np.nan)
    np.divide(counts, total, out=parts, where=total > 0)
    return parts


def cell(predictions: Predictions, truth: int, predicted: int) -> pd.DataFrame:
    """The images of one cell as rows of `Predictions.table`, the most confident answers first.

    `truth` and `predicted` are class indices.
    """
    chosen = (predictions.truth == truth) & (predictions.predicted == predicted)
    confidence = predictions.probabilities[chosen, predicted]
    order = np.argsort(-confidence, kind="stable")
    rows = np.flatnonzero(chosen)[order]
    return predictions.table().iloc[rows].reset_index(drop=True)
