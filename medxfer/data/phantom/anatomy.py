"""One person's chest as numbers, and the shape of the thoracic cage they describe.

Lengths are centimetres. x runs to the right of the picture, which is the person's left, from the
midline; y runs down from the top of the lungs; z runs from back to front, 0 half way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating[Any]]
"""Numbers on the grid of the picture, or along a path."""

RIGHT, LEFT = -1, 1
"""The person's sides, as the sign of x."""


@dataclass(frozen=True)
class Anatomy:
    """What all images of one patient share.

    `half_width`, `half_depth` and `height` are those of the thoracic cavity; `wall` is the soft
    tissue around it; `dome` is how far the right and left halves of the diaphragm lie below the
    top of the lungs at full inspiration; `bone`, `lung` and `vessels` scale the density of bone
    and of aerated lung and the calibre of vessels; `breast` and `stomach` are radii, 0 where
    nothing shows; `heart_turn` is the angle of the long axis of the heart in degrees.
    """

    half_width: float
    half_depth: float
    height: float
    apex: float
    wall: float
    dome: tuple[float, float]
    bone: float
    lung: float
    vessels: float
    heart: float
    heart_turn: float
    aorta: float
    breast: float
    stomach: float
    scoliosis: float

    def outer(self, y: Values) -> Values:
        """How far the cavity reaches sideways at the height y."""
        down = np.clip(y / (0.75 * self.height), 0, 1)
        flare = 1 - 0.6 * (np.clip(y / self.height, 0.75, 1.2) - 0.75) ** 2
        widening = (self.half_width - self.apex) * (1 - (1 - down) ** 2) ** 0.56
        reach: Values = (self.apex + widening) * flare
        return reach

    def inner(self, y: Values) -> Values:
        """Where the lung begins beside the midline at the height y."""
        begin: Values = self.apex - (self.apex - 0.5) * np.sqrt(np.clip(y / 3.2, 0, 1))
        return begin

    def depth(self, y: Values) -> Values:
        """Half of the front-to-back extent of the cavity at the height y."""
        down = np.clip((y + 0.2) / 9, 0, 1)
        half: Values = self.half_depth * np.sqrt(1 - (1 - down) ** 2)
        return half

    def spine(self, y: Values) -> Values:
        """x of the vertebral column at the height y."""
        x: Values = self.scoliosis * np.sin(y / self.height * np.pi)
        return x


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """An adult drawn from plausible ranges."""
    size = rng.normal(1, 0.05)
    height = 25.0 * size * rng.normal(1, 0.04)
    right = height * rng.uniform(0.77, 0.82)
    woman = rng.random() < 0.5  # noqa: PLR2004
    return Anatomy(
        half_width=float(13.6 * size * rng.normal(1, 0.04)),
        half_depth=float(8.6 * size * rng.normal(1, 0.06)),
        height=float(height),
        apex=float(rng.uniform(4.6, 5.5)),
        wall=float(rng.gamma(6, 0.42)),
        dome=(float(right), float(right + rng.uniform(0.5, 1.9))),
        bone=float(rng.uniform(0.75, 1.25)),
        lung=float(rng.uniform(0.85, 1.2)),
        vessels=float(rng.uniform(0.8, 1.25)),
        heart=float(rng.normal(1, 0.07)),
        heart_turn=float(rng.uniform(28, 48)),
        aorta=float(rng.uniform(1.2, 1.9)),
        breast=float(rng.uniform(4.5, 7.5)) if woman else 0.0,
        stomach=float(rng.uniform(1.5, 3.5)) if rng.random() < 0.7 else 0.0,  # noqa: PLR2004
        scoliosis=float(rng.normal(0, 0.35)),
    )
