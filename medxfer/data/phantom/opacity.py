"""Pneumonia: parts of a lung whose air is replaced by fluid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from medxfer.data.phantom.anatomy import LEFT, RIGHT, Anatomy, Values
from medxfer.data.phantom.projection import View
from medxfer.data.phantom.solids import rod, union
from medxfer.data.phantom.texture import rough_field, sample


class Pattern(StrEnum):
    """How an opacity spreads: one dense area, scattered islands, or a thin veil."""

    CONSOLIDATION = "consolidation"
    PATCHY = "patchy"
    HAZE = "haze"


@dataclass(frozen=True)
class Opacity:
    """One opacity of one patient.

    `centre`, `axes` (half the long and the short extent) and `deep` (fluid along the beam where it
    is densest) are cm; `angle` degrees; `soft` is the width of the border as a share of the
    extent; `fissure` is the height an upper or lower border is cut at, if any; `outline` and
    `grain` are fields (see `texture`); `bronchi` are ends of the air-filled tubes inside.
    """

    pattern: Pattern
    side: int
    centre: tuple[float, float]
    axes: tuple[float, float]
    angle: float
    deep: float
    soft: float
    fissure: float | None
    outline: Values
    grain: Values
    bronchi: tuple[tuple[float, float], ...]

    def fluid(self, anatomy: Anatomy, view: View, lungs: Values, stage: float) -> Values:
        """Fluid along the beam in cm, `stage` 0 (gone) to 1 (full); never more than the lung."""
        x, y = view.at_depth(0)
        y = y / (1 - view.lift / anatomy.dome[0])  # a raised diaphragm crowds the lung
        cosine, sine = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        right, down = x - self.centre[0], y - self.centre[1]
        grown = 0.75 + 0.25 * stage
        along = (cosine * right + sine * down) / (self.axes[0] * grown)
        across = (cosine * down - sine * right) / (self.axes[1] * grown)
        inside = 1.1 - np.sqrt(along**2 + across**2) + 0.22 * sample(self.outline, x, y)
        share = _smooth(inside / self.soft)
        grain = sample(self.grain, x, y)
        if self.pattern is Pattern.PATCHY:
            share *= 0.35 + 0.65 * _smooth(0.5 + 0.4 * grain)
        else:
            share *= np.clip(0.87 + 0.11 * grain, 0.3, 1.2)
        if self.fissure is not None:
            above = np.sign(self.fissure - self.centre[1])
            share *= _smooth((self.fissure + 0.12 * right - 0.03 * right**2 - y) * above / 0.7)
        share *= self.side * x > 0
        fluid = np.minimum(self.deep * stage * share, 0.85 * lungs)
        if self.bronchi:
            tubes = union([rod(x, y, self._root, end, 0.3, 0.14) for end in self.bronchi])
            fluid -= np.minimum(0.8 * tubes, 0.5 * fluid)
        left: Values = fluid.astype(np.float32)
        return left

    @property
    def _root(self) -> tuple[float, float]:
        return (self.side * 3.2, 0.5 * self.centre[1] + 4.5)


def draw_opacities(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Opacity, ...]:
    """One to three opacities, from hardly visible to plain, the lower lobes more often."""
    grade = float(np.clip(rng.lognormal(0.5, 0.32), 0.8, 2.6))
    count = rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12])
    return tuple(_draw(anatomy, grade, rng) for _ in range(count))


def _draw(anatomy: Anatomy, grade: float, rng: np.random.Generator) -> Opacity:
    pattern = list(Pattern)[rng.choice(len(Pattern), p=[0.5, 0.28, 0.22])]
    side = RIGHT if rng.random() < 0.55 else LEFT  # noqa: PLR2004
    y = anatomy.dome[0] * rng.triangular(0.2, 0.78, 0.92)
    outer = float(anatomy.outer(np.array([y]))[0])
    # the heart hides what lies near the midline of the left lower zone
    x = side * outer * rng.uniform(0.55 if side == LEFT and y > anatomy.dome[0] / 2 else 0.4, 0.76)
    long, deep, soft = {
        Pattern.CONSOLIDATION: (rng.uniform(3.4, 6.0), 6.4, 0.6),
        Pattern.PATCHY: (rng.uniform(4.2, 6.8), 5.6, 0.8),
        Pattern.HAZE: (rng.uniform(5.0, 8.0), 4.4, 1.0),
    }[pattern]
    tubes = pattern is Pattern.CONSOLIDATION and rng.random() < 0.5  # noqa: PLR2004
    cut = pattern is Pattern.CONSOLIDATION and rng.random() < 0.3  # noqa: PLR2004
    ends = [(x + rng.normal(0, 1.3), y + rng.normal(0.5, 1.3)) for _ in range(4 * tubes)]
    return Opacity(
        pattern=pattern,
        side=side,
        centre=(x, y),
        axes=(long, long * rng.uniform(0.6, 0.95)),
        angle=rng.uniform(0, 180),
        deep=deep * grade * rng.uniform(0.8, 1.2),
        soft=soft * rng.uniform(0.8, 1.3),
        fissure=y + float(rng.choice([-1, 1])) * rng.uniform(0.2, 0.5) * long if cut else None,
        outline=rough_field(rng, 2.2, 6.0),
        grain=rough_field(rng, 1.9, 2.8),
        bronchi=tuple(ends),
    )


def _smooth(values: Values) -> Values:
    """0 below 0, 1 above 1, smooth between."""
    held = np.clip(values, 0, 1)
    return held * held * (3 - 2 * held)
