"""The interval of a proportion of images, several of which may be of one patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
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
        return Estimate(self.value, *wilson(self.value, self.worth))


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


def wilson(value: float, n: float) -> tuple[float, float]:
    """Wilson's score interval (1927) of a proportion of n, which need not be whole.

    It is never empty: of 33 out of 33 it says 0.90 to 1. With the effective number of images it
    also holds for images of the same patients (Dean and Pagano 2015).
    """
    pull = _Z**2 / n
    centre = value + pull / 2
    half = float(np.sqrt(value * (1 - value) * pull + pull**2 / 4))
    low, high = (centre - half) / (1 + pull), (centre + half) / (1 + pull)
    return (low if value > 0 else 0.0), (high if value < 1 else 1.0)
