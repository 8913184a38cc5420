"""Does a heatmap lie on the finding? For pictures with masks or boxes.

The pointing game (Zhang et al. 2018): is the hottest point inside? The energy-based one (Wang et
al. 2020, Score-CAM): which part of the heat is inside? Both also for the centre of what the
network sees, which every heatmap must beat.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.stats import t as student

from medxfer.evaluation.estimate import LEVEL, Estimate
from medxfer.evaluation.proportion import of_patients
from medxfer.explain.baselines import centre_blob
from medxfer.explain.placing import Heat, in_view
from medxfer.models.preprocessing import CROP

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Marked:
    """A heatmap (H, W), where the finding is (H, W), and whose picture it is."""

    heatmap: Heat
    mask: Mask
    patient: str


@dataclass(frozen=True)
class Localisation:
    """How well heatmaps lie on marked findings, with 95 % intervals over patients.

    All are 0 to 1 but for the differences. `area` is the part of the view that is marked: what a
    point or heat spread at random would reach. `unseen` pictures have no mark in what the network
    sees and do not count.
    """

    pictures: int
    patients: int
    unseen: int
    pointing: Estimate
    centre_pointing: Estimate
    pointing_gain: Estimate
    """Pointing rate minus that of the centre, picture by picture."""
    energy: Estimate
    centre_energy: Estimate
    energy_gain: Estimate
    area: float


def localisation(marked: Iterable[Marked], tolerance: float = 0.0) -> Localisation:
    """Judge heatmaps one at a time; none is kept.

    `tolerance` is how far outside a mark, in pixels of the network's view (224 by 224), the
    hottest point still counts as inside; Zhang et al. allow 15 on pictures of about 500. An empty
    heatmap points nowhere and has no heat inside.
    """
    rows, unseen, blob = [], 0, centre_blob()
    for one in marked:
        heat, mask = in_view(one.heatmap), in_view(one.mask.astype(np.float32)) >= 0.5  # noqa: PLR2004
        if not mask.any():
            unseen += 1
            continue
        near = distance_transform_edt(~mask) <= tolerance
        middle = near[CROP // 2, CROP // 2]
        found = (points_into(heat, near), middle, energy(heat, mask), energy(blob, mask))
        rows.append((one.patient, *found, mask.mean()))
    names = ["patient", "hit", "centre", "energy", "blob", "area"]
    table = pd.DataFrame(rows, columns=names)
    whose = table["patient"].to_numpy()
    hit, centre = (table[name].to_numpy(dtype=np.bool_) for name in ("hit", "centre"))
    inside, blob_inside = (table[name].to_numpy(dtype=np.float64) for name in ("energy", "blob"))
    return Localisation(
        pictures=len(table),
        patients=int(table["patient"].nunique()),
        unseen=unseen,
        pointing=of_patients(hit, whose),
        centre_pointing=of_patients(centre, whose),
        pointing_gain=mean_of_patients(hit * 1.0 - centre, whose, low=-1.0),
        energy=mean_of_patients(inside, whose),
        centre_energy=mean_of_patients(blob_inside, whose),
        energy_gain=mean_of_patients(inside - blob_inside, whose, low=-1.0),
        area=float(table["area"].mean()) if len(table) else 0.0,
    )


def points_into(heat: Heat, mask: Mask) -> bool:
    """Whether the hottest point of a map (h, w) lies in the mask; not that of an empty map.

    Of several equally hot ones, as at the edge of a cell in a corner, the one nearest to their
    middle counts.
    """
    if not heat.any():
        return False
    hottest = np.argwhere(heat == heat.max())
    offsets = ((hottest - hottest.mean(axis=0)) ** 2).sum(axis=1)
    row, column = hottest[offsets.argmin()]
    return bool(mask[row, column])


def energy(heat: Heat, mask: Mask) -> float:
    """The part of the heat (h, w), 0 or more, that lies in the mask; 0 of an empty map."""
    total = float(heat.sum(dtype=np.float64))
    return float(heat[mask].sum(dtype=np.float64)) / total if total > 0 else 0.0


def mean_of_patients(
    values: NDArray[np.float64], patients: NDArray[Any], low: float = 0.0, high: float = 1.0
) -> Estimate:
    """The mean of values (n,) between `low` and `high`, with its interval over patients (n,).

    Student's, with the spread of whole patients: pictures of one patient are alike. No interval
    for a single patient.
    """
    if not len(values):
        return Estimate(None)
    mean = float(values.mean())
    of_patient = pd.Series(values - mean).groupby(patients).sum().to_numpy()
    m = len(of_patient)
    if m <= 1:
        return Estimate(mean)
    spread = float(np.sqrt(m / (m - 1) * (of_patient**2).sum())) / len(values)
    half = float(student.ppf((1 + LEVEL) / 2, m - 1)) * spread
    return Estimate(mean, max(low, mean - half), min(high, mean + half))
