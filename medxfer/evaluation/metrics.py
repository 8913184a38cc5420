"""Figures of merit of predictions. One that is not defined is None, never 0.

With two classes, a figure is that of the positive class; with more, the mean over the classes
that it is defined for (macro). What compares classes (balanced accuracy, AUROC, average
precision) needs images of at least two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from scipy.special import log_softmax, softmax

from medxfer.evaluation.confusion import count, matrix
from medxfer.evaluation.curves import Flags, auroc, average_precision
from medxfer.evaluation.predictions import Floats, Ints, Predictions

Figures = dict[str, float | None]

_TWO = 2


def summary(predictions: Predictions) -> Figures:
    """All figures by name; images of unknown truth are left out.

    accuracy, balanced_accuracy, auroc, average_precision, f1, mcc, brier, log_loss, and for two
    classes sensitivity, specificity, ppv and npv. Brier is 0 to 1 for two classes and, as the
    sum over the classes (Brier 1950), 0 to 2 for more; log_loss is in nats.
    """
    truth, probabilities = predictions.known.truth, predictions.known.probabilities
    binary = len(predictions.classes) == _TWO
    positive = predictions.positive if binary else 1
    counts = matrix(predictions)
    figures = _ranking_and_counts(truth, probabilities, counts, positive)
    figures["average_precision"] = _ranked(average_precision, truth, probabilities, positive)
    figures["mcc"] = _matthews(counts)
    figures["brier"] = _brier(truth, probabilities)
    figures["log_loss"] = _log_loss(truth, predictions.known.logits)
    order = ["accuracy", "balanced_accuracy", "auroc", "average_precision", "f1"]
    figures = {name: figures[name] for name in [*order, "mcc", "brier", "log_loss"]}
    return figures | (_two_by_two(counts, positive) if binary else {})


def epoch_metrics(truth: Ints, logits: Floats, positive: int = 1) -> Figures:
    """The figures watched while training: accuracy, balanced_accuracy, auroc, f1.

    `truth` is (n,) class indices, `logits` (n, k); `positive` is the positive class of two. All
    are None if a logit is not finite, so that a diverged epoch is never the best one.
    """
    if not np.isfinite(logits).all():
        return dict.fromkeys(("accuracy", "balanced_accuracy", "auroc", "f1"))
    truth = np.asarray(truth, dtype=np.int64)
    logits = np.asarray(logits, dtype=np.float64)
    counts = count(truth, logits.argmax(axis=1), logits.shape[1])
    return _ranking_and_counts(truth, softmax(logits, axis=1), counts, positive)


def brier_of_each(truth: Ints, probabilities: Floats) -> Floats:
    """(n,) Brier score of each image; `truth` is (n,) class indices, `probabilities` (n, k)."""
    classes = probabilities.shape[1]
    squared: Floats = ((probabilities - np.eye(classes)[truth]) ** 2).sum(axis=1)
    return squared / _TWO if classes == _TWO else squared


def log_loss_of_each(truth: Ints, logits: Floats) -> Floats:
    """(n,) log loss of each image, nats; `truth` is (n,) class indices, `logits` (n, k)."""
    return np.asarray(-log_softmax(logits, axis=1)[np.arange(len(truth)), truth], dtype=np.float64)


def report(predictions: Predictions) -> pd.DataFrame:
    """One row a class: class, precision, recall, f1, support, sensitivity, specificity.

    Each class is judged against the rest; support is its images; NaN where not defined.
    """
    counts = matrix(predictions)
    true, called, have = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    others = counts.sum() - have
    recall = _ratios(true, have)
    return pd.DataFrame(
        {
            "class": predictions.classes,
            "precision": _ratios(true, called),
            "recall": recall,
            "f1": _ratios(2 * true, called + have),
            "support": have,
            "sensitivity": recall,
            "specificity": _ratios(others - called + true, others),
        }
    )


def _ranking_and_counts(truth: Ints, probabilities: Floats, counts: Ints, positive: int) -> Figures:
    recalls = _ratios(counts.diagonal(), counts.sum(axis=1))
    f1 = _ratios(2 * counts.diagonal(), counts.sum(axis=0) + counts.sum(axis=1))
    two_present = np.count_nonzero(counts.sum(axis=1)) >= _TWO
    return {
        "accuracy": _ratio(counts.trace(), counts.sum()),
        "balanced_accuracy": _mean(recalls) if two_present else None,
        "auroc": _ranked(auroc, truth, probabilities, positive),
        "f1": _mean(f1[[positive]] if len(counts) == _TWO else f1),
    }


def _ranked(
    figure: Callable[[Flags, Floats], float | None],
    truth: Ints,
    probabilities: Floats,
    positive: int,
) -> float | None:
    classes = probabilities.shape[1]
    chosen = (positive,) if classes == _TWO else range(classes)
    figures = (figure(truth == cls, probabilities[:, cls]) for cls in chosen)
    return _mean([value for value in figures if value is not None])


def _two_by_two(counts: Ints, positive: int) -> Figures:
    negative = 1 - positive
    hit, correct_rejection = counts[positive, positive], counts[negative, negative]
    return {
        "sensitivity": _ratio(hit, counts[positive].sum()),
        "specificity": _ratio(correct_rejection, counts[negative].sum()),
        "ppv": _ratio(hit, counts[:, positive].sum()),
        "npv": _ratio(correct_rejection, counts[:, negative].sum()),
    }


def _matthews(counts: Ints) -> float | None:
    """Matthews correlation for k classes (Gorodkin 2004); None if truth or answer is constant."""
    cells = counts.astype(np.float64)
    have, called, n = cells.sum(axis=1), cells.sum(axis=0), cells.sum()
    spread = (n * n - have @ have) * (n * n - called @ called)
    return _ratio(cells.trace() * n - have @ called, np.sqrt(spread))


def _brier(truth: Ints, probabilities: Floats) -> float | None:
    return float(brier_of_each(truth, probabilities).mean()) if len(truth) else None


def _log_loss(truth: Ints, logits: Floats) -> float | None:
    return float(log_loss_of_each(truth, logits).mean()) if len(truth) else None


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _ratios(parts: Ints, wholes: Ints) -> Floats:
    ratios: Floats = np.full(parts.shape, np.nan)
    np.divide(parts, wholes, out=ratios, where=wholes > 0)
    return ratios


def _mean(values: Iterable[float]) -> float | None:
    defined = [float(value) for value in values if not np.isnan(value)]
    return sum(defined) / len(defined) if defined else None
