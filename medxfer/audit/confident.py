"""Confident learning: which labels contradict what a model says of images it did not learn from.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70
(2021). Probabilities are (n, k), out of fold; targets are the given labels, 0 to k - 1, each
there at least once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxfer.audit.out_of_fold import Indices, Probabilities

_ROUNDING = 1e-6


def doubt(probabilities: Probabilities, targets: Indices) -> NDArray[np.float64]:
    """(n,) from 0 (the label is certain) to 1 (another one is): one minus the normalised margin.

    The margin is the probability of the given label less that of the likeliest other one.
    """
    rows = np.arange(len(targets))
    others = probabilities.copy()
    others[rows, targets] = -np.inf
    margin = probabilities[rows, targets] - others.max(axis=1)
    return np.asarray((1 - margin) / 2)


def thresholds(probabilities: Probabilities, targets: Indices) -> NDArray[np.float64]:
    """(k,): how probable a class is, on average, for images labelled so (equation 2)."""
    classes = range(probabilities.shape[1])
    return np.array([probabilities[targets == label, label].mean() for label in classes])


def confident_label(probabilities: Probabilities, targets: Indices) -> Indices:
    """(n,): the likeliest of the classes whose threshold is reached; -1 where none is."""
    reached = probabilities >= thresholds(probabilities, targets) - _ROUNDING
    best = np.where(reached, probabilities, -np.inf).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1).astype(np.int64)


def joint(probabilities: Probabilities, targets: Indices) -> NDArray[np.float64]:
    """(k, k): the estimated share of images by given label (rows) and true one (columns).

    The confident joint (equation 1), with at least one image of each class taken to be labelled
    rightly, scaled to the counts of the given labels (equation 3). Sums to 1.
    """
    classes = probabilities.shape[1]
    likely = confident_label(probabilities, targets)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (targets[likely >= 0], likely[likely >= 0]), 1)
    np.fill_diagonal(counts, counts.diagonal().clip(min=1))
    given = np.bincount(targets, minlength=classes)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True) * given[:, None] / len(targets))
