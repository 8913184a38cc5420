"""The figures of many weightings of the same images at once: what a bootstrap computes.

A resample of patients is a weight for each of them, so a thousand resamples are a matrix of
weights. What is a sum over images is then one matrix product; what depends on the order of the
scores is one sort, which every resample shares, and running sums of its weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from medxfer.evaluation.curves import Flags
from medxfer.evaluation.metrics import brier_of_each, log_loss_of_each
from medxfer.evaluation.predictions import Floats, Ints, Predictions

_TWO = 2
_NOTHING = 1e-9
"""A part of all weight that is rounding and no image."""


@dataclass(frozen=True)
class Replicates:
    """What r weightings of the same images give, before figures are made of it."""

    hits: Floats
    """(r, k) weight of what was called rightly, by class."""
    have: Floats
    """(r, k) weight by true class."""
    called: Floats
    """(r, k) weight by predicted class."""
    auroc: Floats
    """(r, j) of each class judged against the rest (`Predictions.judged_classes`): of two classes
    the positive, since the other has the same; NaN where not defined."""
    average_precision: Floats
    """(r, j), likewise."""
    brier: Floats
    """(r,) sum over the images."""
    log_loss: Floats
    """(r,) sum over the images, nats."""

    @classmethod
    def joined(cls, parts: Iterable[Replicates]) -> Replicates:
        """The weightings of all parts, in order."""
        rows = [tuple(vars(part).values()) for part in parts]
        return cls(*(np.concatenate(column) for column in zip(*rows, strict=True)))


class Weighing:
    """Predictions made ready to be weighed by patient."""

    def __init__(self, predictions: Predictions, patient: Ints) -> None:
        """`patient` is (n,) the patient of each image, from 0; all truths are known."""
        self._classes, self._patient = len(predictions.classes), patient
        self._sums = _sums(predictions, patient)
        self._rankings = [
            _Ranking(predictions.truth == cls, predictions.probabilities[:, cls])
            for cls in predictions.judged_classes
        ]

    def __call__(self, weights: Floats) -> Replicates:
        """The replicates of (r, patients) weights, none negative."""
        r, k = len(weights), self._classes
        sums = np.asarray(weights @ self._sums)
        auroc, precision = np.empty((2, r, len(self._rankings)))
        for at, ranking in enumerate(self._rankings):
            auroc[:, at], precision[:, at] = ranking(weights, self._patient)
        hits, have, called = (sums[:, at * k : (at + 1) * k] for at in range(3))
        return Replicates(hits, have, called, auroc, precision, sums[:, -2], sums[:, -1])


def _sums(predictions: Predictions, patient: Ints) -> csr_array:
    """(p, 3 k + 2) of each patient: images called rightly, by truth, and by answer, each by
    class; Brier score, log loss."""
    k, n, truth = len(predictions.classes), len(predictions), predictions.truth
    called = predictions.predicted
    brier = brier_of_each(truth, predictions.probabilities)
    nats = log_loss_of_each(truth, predictions.logits)
    ones = np.ones(n)
    values = np.concatenate([truth == called, ones, ones, brier, nats])
    last = np.repeat([3 * k, 3 * k + 1], n)
    columns = np.concatenate([truth, truth + k, called + 2 * k, last])
    shape = (len(np.unique(patient)), 3 * k + 2)
    return csr_array((values, (np.tile(patient, 5), columns)), shape=shape)


class _Ranking:
    """One class against the rest, its scores sorted once, falling."""

    def __init__(self, positive: Flags, score: Floats) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        first = np.flatnonzero(np.diff(ranked, prepend=np.inf))
        ends = np.append(first[1:], len(ranked))
        tie = np.repeat(np.arange(len(first)), ends - first)
        hits = np.flatnonzero(positive[self._order])
        self._hits = hits
        self._above, self._through = first[tie[hits]], ends[tie[hits]]
        """Images that score higher than each positive one, and those plus its equals."""
        self._hits_through = np.searchsorted(hits, self._through)

    def __call__(self, weights: Floats, patient: Ints) -> tuple[Floats, Floats]:
        """(r,) AUROC and (r,) average precision; NaN without weight on both sides."""
        r = len(weights)
        ordered = np.take(weights, patient[self._order], axis=1)
        hit = ordered[:, self._hits]
        running, running_hits = _running(ordered), _running(hit)
        through = running[:, self._through]
        positive = running_hits[:, -1]
        negative = running[:, -1] - positive
        # Among themselves the positives count half their weight squared, whatever their order.
        above = (hit * (running[:, self._above] + through)).sum(axis=1) / _TWO - positive**2 / _TWO
        least = _NOTHING * running[:, -1:]
        precise = np.zeros(hit.shape)
        np.divide(running_hits[:, self._hits_through], through, out=precise, where=through > least)
        defined = np.minimum(positive, negative) > least[:, 0]
        auroc, precision = np.full(r, np.nan), np.full(r, np.nan)
        np.divide(above, positive * negative, out=auroc, where=defined)
        np.divide((hit * precise).sum(axis=1), positive, out=precision, where=defined)
        return 1 - auroc, precision


def figures(replicates: Replicates, positive: int | None) -> dict[str, Floats]:
    """(r,) of each figure of `metrics.summary`, by its rules; NaN where it is not defined.

    `positive` is the positive class of two, None for more.
    """
    hits, have, called = replicates.hits, replicates.have, replicates.called
    total = have.sum(axis=1)
    several = _classes_in(have) >= _TWO
    recalls, by_class = ratio(hits, have), class_figures(replicates)
    chosen = slice(None) if positive is None else slice(positive, positive + 1)
    values = {
        "accuracy": ratio(hits.sum(axis=1), total),
        "balanced_accuracy": np.where(several, _mean(recalls), np.nan),
        "auroc": _mean(replicates.auroc),
        "average_precision": _mean(replicates.average_precision),
        "f1": _mean(by_class["f1"][:, chosen]),
        "mcc": _matthews(hits, have, called),
        "brier": ratio(replicates.brier, total),
        "log_loss": ratio(replicates.log_loss, total),
    }
    if positive is None:
        return values
    precision, negative = by_class["precision"], 1 - positive
    return values | {
        "sensitivity": recalls[:, positive],
        "specificity": recalls[:, negative],
        "ppv": precision[:, positive],
        "npv": precision[:, negative],
    }


def class_figures(replicates: Replicates) -> dict[str, Floats]:
    """(r, k) of each class against the rest: precision, f1, auroc; NaN where not defined."""
    hits, have, called = replicates.hits, replicates.have, replicates.called
    return {
        "precision": ratio(hits, called),
        "f1": ratio(_TWO * hits, have + called),
        "auroc": np.broadcast_to(replicates.auroc, have.shape),
    }


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where the whole is 0."""
    values: Floats = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=values, where=whole > 0)
    return values


def _matthews(hits: Floats, have: Floats, called: Floats) -> Floats:
    total = have.sum(axis=1)
    covariance = hits.sum(axis=1) * total - (have * called).sum(axis=1)
    spread = (total**2 - (have**2).sum(axis=1)) * (total**2 - (called**2).sum(axis=1))
    varied = np.minimum(_classes_in(have), _classes_in(called)) >= _TWO
    return ratio(covariance, np.where(varied, np.sqrt(np.maximum(spread, 0)), 0))


def _classes_in(weights: Floats) -> Ints:
    """(r,) how many of (r, k) are more than rounding."""
    there = weights > _NOTHING * weights.sum(axis=1, keepdims=True)
    return np.asarray(there.sum(axis=1), dtype=np.int64)


def _mean(values: Floats) -> Floats:
    """(r,) over the classes that it is defined for."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=1), defined.sum(axis=1))


def _running(weights: Floats) -> Floats:
    """(r, m + 1) sums of the first 0, 1, … m columns."""
    sums = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums
