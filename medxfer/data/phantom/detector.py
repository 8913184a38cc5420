"""From what the beam lost to a picture: scatter, blur, quantum noise, and the tone of a film."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medxfer.data.phantom.anatomy import Values

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scanner:
    """One make of machine.

    `side` is the shorter side of its pictures in pixels; `scatter` the scattered radiation as a
    share of the mean signal; `blur` the spread of a point in cm; `photons` the mean count a pixel
    would see with nobody in the beam; `latitude` the range of attenuation shown between black and
    white; `gamma` bends the tones; `sharpen` is the share of fine detail added again afterwards;
    `tilted` tells whether the edge of the collimator is often seen.
    """

    name: str
    side: int
    scatter: float
    blur: float
    photons: float
    latitude: float
    gamma: float
    sharpen: float
    tilted: bool


SCANNERS = (
    Scanner("A", 304, 0.03, 0.07, 1.5e4, 3.4, 0.85, 0.8, tilted=False),
    Scanner("B", 272, 0.08, 0.11, 7e3, 3.3, 0.75, 0.15, tilted=True),
)


def expose(
    attenuation: Values, lung: float, scanner: Scanner, pixel: float, rng: np.random.Generator
) -> Grey:
    """The picture a scanner makes of a map of attenuation (natural logarithm, no unit).

    `lung` is the attenuation of clear lung, which the exposure is set by; `pixel` is the side of a
    pixel in cm. Returns grey 0 (black) to 255 of the same shape.
    """
    primary = np.exp(-attenuation)
    primary = ndimage.gaussian_filter(primary, scanner.blur / pixel)
    wide = ndimage.zoom(ndimage.gaussian_filter(primary[::8, ::8], 3 / pixel / 8), 8, order=1)
    wide = wide[: primary.shape[0], : primary.shape[1]]
    signal = primary
    signal = signal + scanner.scatter * 0.5 * (wide + np.exp(-lung))
    dose = scanner.photons * np.exp(lung) / 8 * rng.lognormal(0, 0.2)
    grain = rng.standard_normal(signal.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(grain, 0.45) * 1.5
    noisy = signal + grain * np.sqrt(signal / dose)
    seen = -np.log(np.maximum(noisy, 1e-4))
    black = lung - rng.normal(0.95, 0.1)
    tone = (seen - black) / (scanner.latitude * rng.normal(1, 0.05))
    tone = tone + scanner.sharpen * (tone - ndimage.gaussian_filter(tone, 0.5 / pixel)) * 0.5
    return (255 * _film(tone, scanner.gamma * rng.normal(1, 0.06))).astype(np.uint8)


def _film(tone: Values, gamma: float) -> Values:
    """Linear in the middle, with a toe and a shoulder; 0 to 1."""
    knee = 0.09
    low = knee * np.logaddexp(0, tone / knee)
    high: Values = np.clip(1 - knee * np.logaddexp(0, (1 - low) / knee), 0, 1)
    return high**gamma


def collimate(shape: tuple[int, int], scanner: Scanner, rng: np.random.Generator) -> Mask:
    """Where the picture is exposed: True inside a rectangle that may stand askew."""
    rows, columns = shape
    askew = scanner.tilted and rng.random() < 0.6  # noqa: PLR2004
    angle = math.radians(rng.normal(0, 1.5)) * askew
    margin = rng.uniform(-0.02, 0.035, 4) * askew
    down, right = np.linspace(-0.5, 0.5, rows)[:, None], np.linspace(-0.5, 0.5, columns)[None, :]
    across = math.cos(angle) * right + math.sin(angle) * down
    along = math.cos(angle) * down - math.sin(angle) * right
    if not askew:
        return np.ones(shape, bool)
    beside: Mask = (across >= margin[0] - 0.5) & (across <= 0.5 - margin[1])
    below: Mask = (along >= margin[2] - 0.5) & (along <= 0.5 - margin[3])
    return beside & below
