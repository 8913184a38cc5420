"""Random fields that look like tissue: rough at every scale, fixed to the patient."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from medxfer.data.phantom.anatomy import Values

CELLS, SPAN = 192, 48.0
"""Cells along each side of a field, and the length of that side in cm."""


def rough_field(rng: np.random.Generator, slope: float, coarsest: float = 12.0) -> Values:
    """A field of mean 0 and spread 1 whose amplitude falls with frequency to the power `slope`.

    Features larger than `coarsest` cm are left out. Shape (CELLS, CELLS).
    """
    across = np.fft.rfftfreq(CELLS, SPAN / CELLS)
    down = np.fft.fftfreq(CELLS, SPAN / CELLS)
    frequency = np.maximum(np.hypot(down[:, None], across[None, :]), 1e-6)
    amplitude = frequency**-slope * (frequency > 1 / coarsest)
    spectrum = np.fft.rfft2(rng.standard_normal((CELLS, CELLS))) * amplitude
    field = np.fft.irfft2(spectrum, (CELLS, CELLS))
    even: Values = (field / field.std()).astype(np.float32)
    return even


def sample(field: Values, x: Values, y: Values) -> Values:
    """The field at x and y in cm; it repeats beyond its span."""
    cell = SPAN / CELLS
    places = np.stack([y / cell + CELLS / 2, x / cell + CELLS / 2])
    found: Values = ndimage.map_coordinates(field, places, order=1, mode="grid-wrap")
    return found
