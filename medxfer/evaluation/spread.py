"""From the spread of resamples to an interval that holds.

Percentiles of resamples, the usual choice, hold the truth too seldom where patients are few or a
figure is near its end (`python -m benchmarks.coverage` measures it). So the bootstrap gives the
spread of a figure, and the interval is Student's around it on a scale without ends: the logit, or
the logarithm for log loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from medxfer.evaluation.estimate import LEVEL, Estimate
from medxfer.evaluation.predictions import Floats, Ints

_TWO = 2
_LEAST_DEFINED = 0.9
"""A figure that a smaller part of the resamples has is too unsure for an interval."""
_FLAT = 1e-9
"""A smaller spread is rounding."""


@dataclass(frozen=True)
class Range:
    """Where a figure can lie."""

    low: float = 0.0
    high: float = 1.0

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low


def range_of(name: str, classes: int) -> Range:
    """Where the figure of that name can lie, with so many classes."""
    if name == "mcc":
        return Range(-1.0, 1.0)
    if name == "log_loss":
        return Range(0.0, np.inf)
    return Range(0.0, 2.0) if name == "brier" and classes > _TWO else Range()


def degrees_of_freedom(patients: Iterable[int]) -> float:
    """Of a spread that groups of so many patients add to, each the more the fewer they are.

    By Welch and Satterthwaite, for values that vary alike in each group. 0 if a group is a single
    patient, whose spread nobody knows, or if there is only one group.
    """
    m = np.array([number for number in patients if number > 0], dtype=np.float64)
    if len(m) < _TWO or m.min() <= 1:
        return 0.0
    return float((1 / m).sum() ** 2 / (1 / m**2 / (m - 1)).sum())


def around(
    value: float | None, replicates: Floats, within: Range, degrees: float, doubt: float
) -> Estimate:
    """The figure with its interval; `replicates` (r,) are resamples, NaN where not defined.

    `doubt` is for a figure that every resample agrees on, as with no error at all: the part of
    the images that may all the same be otherwise. No interval without degrees of freedom.
    """
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < max(_LEAST_DEFINED * len(replicates), _TWO):
        return Estimate(value)
    return with_spread(value, float(defined.std(ddof=1)), within, degrees, doubt)


def with_spread(
    value: float | None, spread: float, within: Range, degrees: float, doubt: float
) -> Estimate:
    """`around` for a figure whose standard error is known: `spread`."""
    if value is None or degrees <= 0:
        return Estimate(value)
    if spread <= _FLAT or not within.low < value < within.high:
        return _agreed(value, within, doubt)
    half = float(student.ppf((1 + LEVEL) / 2, degrees)) * spread
    if np.isinf(within.high):
        factor = float(np.exp(half / value))
        return Estimate(value, value / factor, value * factor)
    part = (value - within.low) / within.width
    ends = logit(part) + np.array([-1, 1]) * half / within.width / (part * (1 - part))
    low, high = within.low + within.width * expit(ends)
    return Estimate(value, float(low), float(high))


def mean_over_patients(each: Floats, patient: Ints, within: Range, doubt: float) -> Estimate:
    """The mean of a value of each image, with the interval that its patients give.

    Both are (n,), `patient` numbered from 0. The spread is that of leaving out one patient after
    the other (the jackknife), so that how many images of each kind there are may vary as well;
    patients of uneven size count as fewer. None without images.
    """
    images = np.bincount(patient)
    n = int(images.sum())
    if not n:
        return Estimate(None)
    value = float(each.mean())
    degrees = n**2 / float((images.astype(np.float64) ** 2).sum()) - 1
    if degrees <= _FLAT:
        return Estimate(value)
    without = (np.bincount(patient, weights=each) - value * images) / (n - images)
    spread = float(np.sqrt((1 - 1 / len(images)) * (without**2).sum()))
    return with_spread(value, spread, within, degrees, doubt)


def difference(
    value: float | None, replicates: Floats, within: Range, degrees: float, doubt: float
) -> Estimate:
    """`around` for the difference of two figures that lie `within`; symmetric."""
    defined = replicates[~np.isnan(replicates)]
    if value is None or degrees <= 0 or len(defined) < max(_LEAST_DEFINED * len(replicates), _TWO):
        return Estimate(value)
    widest = Range(-within.width, within.width)
    spread = float(defined.std(ddof=1))
    if spread <= _FLAT:
        return _agreed(value, widest, doubt / _TWO)
    half = float(student.ppf((1 + LEVEL) / 2, degrees)) * spread
    return Estimate(value, max(value - half, widest.low), min(value + half, widest.high))


def _agreed(value: float, within: Range, doubt: float) -> Estimate:
    if np.isinf(within.width):
        return Estimate(value)
    half = doubt * within.width
    return Estimate(value, max(value - half, within.low), min(value + half, within.high))
