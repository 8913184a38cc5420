"""Grey values beyond 8 bits, for the viewer: 16 bits, black at low, and what they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 1 << 16
"""Values that 16 bits tell apart."""


@dataclass(frozen=True, eq=False)
class Deep:
    """A grey picture at the precision it is stored in; networks never see it.

    `values` is uint16 (height, width), black at low. A value v stands for `slope * v + intercept`
    in `unit` ("HU", or "" where it has no name). `window` is (centre, width) in `values`, counted
    as DICOM counts windows: what the 8-bit picture shows as black and as white.
    """

    values: NDArray[np.uint16]
    window: tuple[float, float]
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""


def deep_of(
    counts: NDArray[np.uint16],
    first: float,
    step: float,
    ends: tuple[float, float],
    *,
    turned: bool,
    unit: str = "",
) -> Deep | None:
    """Counts of `step` from `first` on, with the values `ends` shown as black and as white.

    `turned` where the higher count is the darker one. None where a step or an end is no number.
    """
    if turned:
        top = int(counts.max())
        counts = (top - counts).astype(np.uint16)
        first, step = first + step * top, -step
    if not step or not all(map(math.isfinite, (first, step, *ends))):
        return None
    low, high = sorted((end - first) / step for end in ends)
    return Deep(counts, ((low + high + 1) / 2, high - low + 1), step, first, unit)
