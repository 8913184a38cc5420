"""The interval of a proportion of images, several of which may be of one patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from medxfer.evaluation.estimate import LEVEL, Estimate
from medxfer.evaluation.predictions import Ints

_Z = float(norm.ppf((1 + LEVEL) / 2))


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
    design effect of patients with several (Kish 1965). That is estimated by linearisation and
    kept between 1, where the images of a patient tell as much as those of several, and its
    greatest, where a patient's images are all alike. If all images are a hit, or none is, the
    data cannot tell and it is the greatest. Where a fifth of the patients hold most of the images
    the interval is a little short: it held 92.5 % instead of 95 (`benchmarks.coverage`).
    """
    images = np.bincount(patient[among])
    hits = np.bincount(patient[among & hit], minlength=len(images))[images > 0]
    images = images[images > 0]
    n, m = int(images.sum()), len(images)
    if not n:
        return Proportion(None, 0, 0, 0.0)
    value = float(hits.sum() / n)
    effect = greatest = float((images**2).sum() / n)
    if 0 < value < 1 and m > 1:
        spread = m / (m - 1) * ((hits - value * images) ** 2).sum() / n**2
        effect = min(max(float(spread * n / (value * (1 - value))), 1.0), greatest)
    return Proportion(value, n, m, n / effect)


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
