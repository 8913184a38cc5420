"""How sure an AUROC is, and whether two on the same images differ: DeLong, DeLong and
Clarke-Pearson (1988), by the fast algorithm of Sun and Xu (2014), and with several images a
patient by Obuchowski (1997).

Images of one patient are alike, so that taking them for independent makes a p-value too small.
Named by patient, what they add to the variance is counted patient by patient. With one image a
patient both say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from medxfer.evaluation.curves import Flags
from medxfer.evaluation.predictions import Floats, Ints

_TWO = 2


@dataclass(frozen=True)
class Areas:
    """AUROCs of s scores on the same images."""

    values: Floats
    """(s,)"""
    covariance: Floats
    """(s, s)"""


@dataclass(frozen=True)
class AreaTest:
    """The test of two AUROCs being the same; None where it is not defined."""

    difference: float
    """First minus second."""
    standard_error: float
    z: float | None
    p: float | None
    """Two-sided."""


def areas(positive: Flags, scores: Floats, patient: Ints | None = None) -> Areas | None:
    """AUROC of each of (s, n) scores, with their covariance.

    `positive` is (n,); `patient` (n,) numbers the patients from 0, by default one an image. None
    unless there are positive images of two patients, and negative ones of two.
    """
    patient = np.arange(len(positive)) if patient is None else patient
    owner, other = patient[positive], patient[~positive]
    owners, others = len(np.unique(owner)), len(np.unique(other))
    if min(owners, others) < _TWO:
        return None
    p = int(patient.max()) + 1
    values, above, below = [], [], []
    for score in scores:
        placed, among = _placements(score[positive], score[~positive])
        area = placed.mean()
        values.append(area)
        above.append(np.bincount(owner, placed - area, minlength=p))
        below.append(np.bincount(other, among - area, minlength=p))
    up, down = np.array(above) / len(owner), np.array(below) / len(other)
    crossed = _unbiased(len(np.unique(patient))) * up @ down.T
    covariance = _unbiased(owners) * up @ up.T + _unbiased(others) * down @ down.T
    covariance += crossed + crossed.T
    return Areas(np.array(values), covariance)


def delong(
    positive: Flags, first: Floats, second: Floats, patient: Ints | None = None
) -> AreaTest | None:
    """Test whether two scores of the same images have the same AUROC; None as for `areas`.

    z and p are not defined for scores that order the images alike.
    """
    both = areas(positive, np.stack([first, second]), patient)
    if both is None:
        return None
    difference = float(both.values[0] - both.values[1])
    variance = both.covariance[0, 0] + both.covariance[1, 1] - _TWO * both.covariance[0, 1]
    error = float(np.sqrt(max(variance, 0)))
    if error <= np.finfo(np.float64).eps * len(positive):
        return AreaTest(difference, 0.0, None, None)
    z = difference / error
    return AreaTest(difference, error, z, float(_TWO * norm.sf(abs(z))))


def _placements(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """Of each positive score the part of negatives below it, of each negative that of positives
    above it; equals count half. By ranks, in the time of a sort."""
    together = rankdata(np.concatenate([positive, negative]))
    m, n = len(positive), len(negative)
    placed = (together[:m] - rankdata(positive)) / n
    among = 1 - (together[m:] - rankdata(negative)) / m
    return placed, among


def _unbiased(patients: int) -> float:
    return patients / (patients - 1)
