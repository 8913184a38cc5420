"""A share of images, with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from medxfer.evaluation.curves import Flags
from medxfer.evaluation.estimate import LEVEL, Estimate


def wilson(hits: float, n: float, level: float = LEVEL) -> Estimate:
    """`hits` of `n` with the score interval, which is honest for small n and near 0 and 1.

    Takes the images as independent; `n` may be an effective number. Not defined for n = 0.
    Wilson 1927; Brown, Cai and DasGupta 2001.
    """
    if n <= 0:
        return Estimate(None)
    z = float(norm.ppf((1 + level) / 2))
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return Estimate(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def of_patients(hit: Flags, patients: NDArray[Any], level: float = LEVEL) -> Estimate:
    """The share of images that hit, with an interval that knows whose images they are.

    The Wilson interval at the effective number of images: as many independent ones as would give
    the variance between patients that is seen (linearised ratio, Korn and Graubard 1998), at
    least one a patient and at most all. Where all or none hit there is no variance to see, and
    each patient counts once. `hit` and `patients` are (n,).
    """
    n = len(hit)
    if not n:
        return Estimate(None)
    group, _ = pd.factorize(patients)
    people = int(group.max()) + 1
    share = float(hit.mean())
    if people == n:
        return wilson(float(hit.sum()), n, level)
    effective = float(people)
    if 0 < share < 1 and people > 1:
        residual = np.bincount(group, weights=hit - share)
        variance = float((residual**2).sum()) / n**2 * people / (people - 1)
        seen = share * (1 - share) / variance if variance > 0 else float(n)
        effective = min(max(seen, float(people)), float(n))
    return wilson(share * effective, effective, level)
