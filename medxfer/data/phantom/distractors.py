"""What looks like something and is nothing: drawn alike for both classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from medxfer.data.phantom.anatomy import LEFT, RIGHT, Anatomy, Values
from medxfer.data.phantom.projection import View
from medxfer.data.phantom.solids import ellipse, rod

MUSCLE, METAL, CALCIUM = 0.19, 2.5, 0.6
"""Attenuation, 1/cm."""
FRONT = 10.0
"""z of the skin of the chest in cm."""


@dataclass(frozen=True)
class Lump:
    """An ellipsoid; `material` is what it attenuates more than its surroundings, 1/cm."""

    centre: tuple[float, float]
    axes: tuple[float, float]
    depth: float
    angle: float
    z: float
    material: float

    def attenuation(self, view: View) -> Values:
        x, y = view.at_depth(self.z)
        return self.material * ellipse(x, y, self.centre, self.axes, self.depth, self.angle)


@dataclass(frozen=True)
class Strand:
    """A thin straight thing, such as a scar, a plate of collapsed lung or a wire."""

    start: tuple[float, float]
    stop: tuple[float, float]
    radius: float
    z: float
    material: float

    def attenuation(self, view: View) -> Values:
        x, y = view.at_depth(self.z)
        return self.material * rod(x, y, self.start, self.stop, self.radius, self.radius)


@dataclass(frozen=True)
class Fold:
    """A fold of skin: a step along a line that fades away on one side over `fade` cm."""

    point: tuple[float, float]
    angle: float
    fade: float
    amount: float

    def attenuation(self, view: View) -> Values:
        x, y = view.at_depth(-FRONT)
        angle = math.radians(self.angle)
        right, down = x - self.point[0], y - self.point[1]
        across = math.cos(angle) * right + math.sin(angle) * down
        along = math.cos(angle) * down - math.sin(angle) * right
        step = np.exp(-np.clip(across, 0, None) / self.fade) * (across > 0)
        return self.amount * step * np.exp(-((along / 7) ** 2))


Shadow = Lump | Strand | Fold


def draw_lasting(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Shadow, ...]:
    """What a patient keeps: nipples, calcified nodules, scars, pads of fat beside the heart."""
    found: list[Shadow] = []
    if rng.random() < 0.35:  # noqa: PLR2004
        y, x = anatomy.height * rng.uniform(0.64, 0.74), anatomy.half_width * 0.6
        size = rng.uniform(0.4, 0.65)
        found += [
            Lump((side * x, y), (size, size), 1.0, 0, FRONT, MUSCLE) for side in (RIGHT, LEFT)
        ]
    for _ in range(rng.poisson(0.35)):
        size = rng.uniform(0.15, 0.4)
        place = (_side(rng) * rng.uniform(5, 10), rng.uniform(4, 17))
        found.append(Lump(place, (size, size), 2 * size, 0, 0, CALCIUM))
    for _ in range(rng.poisson(0.4)):
        side, y = _side(rng), anatomy.dome[1] - rng.uniform(1, 4)
        inner, outer = rng.uniform(4, 7), rng.uniform(8, 11)
        ends = (side * inner, y), (side * outer, y + rng.normal(0, 0.8))
        found.append(Strand(*ends, rng.uniform(0.12, 0.3), 2, 0.7 * MUSCLE))
    if rng.random() < 0.3:  # noqa: PLR2004
        side = _side(rng)
        place = (side * (5.5 if side == RIGHT else 9.0), anatomy.dome[0] - 0.3)
        axes = (rng.uniform(2, 3.2), rng.uniform(1.4, 2.4))
        found.append(Lump(place, axes, rng.uniform(3, 6), side * 35, 6, 0.13))
    return tuple(found)


def draw_passing(anatomy: Anatomy, rng: np.random.Generator) -> tuple[Shadow, ...]:
    """What only one picture shows: folds of skin, electrodes with their wires, a blanket."""
    found: list[Shadow] = []
    if rng.random() < 0.2:  # noqa: PLR2004
        side = _side(rng)
        point = (side * rng.uniform(6, 10), rng.uniform(6, 16))
        angle = rng.uniform(-30, 30) + (180 if side == LEFT else 0)
        found.append(Fold(point, angle, rng.uniform(1.5, 4), rng.uniform(0.12, 0.35)))
    if rng.random() < 0.25:  # noqa: PLR2004
        for _ in range(rng.integers(2, 4)):
            x, y = rng.uniform(-11, 11), rng.uniform(3, 19)
            found.append(Lump((x, y), (0.75, 0.75), 0.25, 0, FRONT, METAL))
            end = (x + rng.normal(0, 4), y + rng.choice([-1, 1]) * rng.uniform(12, 25))
            found.append(Strand((x, y), end, 0.08, FRONT, METAL))
    for _ in range(rng.poisson(0.6)):
        place = (_side(rng) * rng.uniform(5, 11), rng.uniform(5, 20))
        axes = (rng.uniform(2.5, 6), rng.uniform(2, 4))
        found.append(Lump(place, axes, rng.uniform(0.5, 1.6), rng.uniform(0, 180), -FRONT, MUSCLE))
    return tuple(found)


def _side(rng: np.random.Generator) -> int:
    return RIGHT if rng.random() < 0.5 else LEFT  # noqa: PLR2004


def side_marker(view: View, x: float, y: float, turn: float) -> Values:
    """A leaden letter R, 2 cm tall, at x and y."""
    right, down = view.grid
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    right, down = right - x, down - y
    across, along = cosine * right + sine * down, cosine * down - sine * right
    corners = (-0.5, 1), (-0.5, -1), (0.25, -1), (0.5, -0.75), (0.5, -0.3), (0.25, 0), (-0.5, 0)
    strokes = [*pairwise(corners), ((0.1, 0), (0.6, 1))]
    chords = [rod(across, along, start, stop, 0.18, 0.18) for start, stop in strokes]
    lead: Values = METAL * 4 * np.max(chords, axis=0)
    return lead
