"""The interval of a proportion of images, several of which may be of one patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.special import stdtrit as student

from medxfer.evaluation.estimate import LEVEL, Estimate
from medxfer.evaluation.predictions import Ints

_UPPER = (1 + LEVEL) / 2
_Z = float(ndtri(_UPPER))
_ADDED = 0.25
"""Patients all hit, and as many all missed, that the design effect is estimated with."""
_FEWEST_DEGREES = 0.1
"""Of freedom; with fewer Student's t is too long for a number, and the greatest effect counts."""


@dataclass(frozen=True)
class Proportion:
    """A part of some images, and how many independent images those are worth."""

    value: float | None
    """0 to 1; None without an image."""
    images: int
    patients: int
    worth: float
    """Independent images that would tell as much as these; at most `images`."""

    @property
    def estimate(self) -> Estimate:
        """With Wilson's interval of what the images are worth; none for a single patient."""
        if self.value is None or self.patients <= 1:
            return Estimate(self.value)
        interval = wilson(self.value * self.worth, self.worth)
        return Estimate(self.value, interval.low, interval.high)


def proportion(hit: NDArray[np.bool_], among: NDArray[np.bool_], patient: Ints) -> Proportion:
    """The part of images `among` that are a `hit`.

    All are (n,), `patient` numbered from 0. What the images are worth is their number over the
    design effect of patients with several (Kish 1965), see `_effect`.
    """
    images = np.bincount(patient[among])
    hits = np.bincount(patient[among & hit], minlength=len(images))[images > 0]
    images = images[images > 0]
    n, m = int(images.sum()), len(images)
    if not n:
        return Proportion(None, 0, 0, 0.0)
    return Proportion(float(hits.sum() / n), n, m, n / _effect(hits, images))


def of_patients(hit: NDArray[np.bool_], patients: NDArray[Any]) -> Estimate:
    """The part of some images that are a hit, by the patients they are of; both are (n,)."""
    numbers = pd.factorize(patients)[0].astype(np.int64)
    return proportion(hit, np.ones(len(hit), dtype=np.bool_), numbers).estimate


def wilson(hits: float, n: float) -> Estimate:
    """`hits` of `n` with Wilson's score interval (1927); neither need be whole.

    It is never empty: of 33 out of 33 it says 0.90 to 1. With the effective number of images it
    also holds for images of the same patients (Dean and Pagano 2015). Not defined for n = 0.
    """
    if n <= 0:
        return Estimate(None)
    share, pull = hits / n, _Z**2 / n
    centre = (share + pull / 2) / (1 + pull)
    half = float(np.sqrt(share * (1 - share) * pull + pull**2 / 4)) / (1 + pull)
    return Estimate(share, centre - half if hits > 0 else 0.0, centre + half if hits < n else 1.0)


def _effect(hits: Ints, images: Ints) -> float:
    """How many times as much the part of hits varies as among as many independent images.

    Both are (m,), a number a patient. Kept between 1, where the images of a patient tell as much
    as those of several, and its greatest, where they are all alike. Few patients, or few errors,
    hardly show which it is, so the estimate leans to the greatest: it is the jackknife's after a
    quarter of a patient all hit and a quarter of one all missed were added, and what it has above
    1 is widened as Student's t is wider than the normal (Korn and Graubard 1998). So it is the
    greatest if all images are a hit, and is still near it with a few errors.

    `python -m benchmarks.coverage` measures the intervals. They hold more than 95 % with few
    patients, and are a little short where the images of a patient are nearly the same and a fifth
    of 20 patients hold most of them (92 %), or 5 patients are hits in 98 % (91 %; Wilson's of 5
    independent images holds 90 %).
    """
    n = float(images.sum())
    greatest = float((images.astype(np.float64) ** 2).sum() / n)
    if greatest in (1.0, n):
        return greatest
    count = np.append(np.ones(len(images)), [_ADDED, _ADDED])
    size = np.append(images, [greatest, greatest])
    total, patients = float(count @ size), float(count.sum())
    part = float(count @ np.append(hits, [greatest, 0.0])) / total
    without = (np.append(hits, [greatest, 0.0]) - part * size) / (total - size)
    variance = (patients - 1) / patients * float(count @ without**2)
    effect = min(max(variance * total / (part * (1 - part)), 1.0), greatest)
    # Patients of uneven size are worth fewer than they are.
    degrees = max(n / greatest - 1, _FEWEST_DEGREES)
    wider = float(student(degrees, _UPPER) / student(n - 1, _UPPER)) ** 2
    return min(1 + (effect - 1) * wider, greatest)
