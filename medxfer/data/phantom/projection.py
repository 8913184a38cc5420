"""From centimetres in the chest to pixels on the detector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medxfer.data.phantom.anatomy import Values


@dataclass(frozen=True)
class Cloud:
    """Matter as points.

    `points` is (n, 3) in centimetres; `weights` (n,) is the volume of each point times what it
    attenuates more than its surroundings, cm³ · 1/cm = cm².
    """

    points: Values
    weights: Values


def join(clouds: Iterable[Cloud]) -> Cloud:
    """All the clouds as one."""
    clouds = list(clouds)
    return Cloud(
        np.concatenate([cloud.points for cloud in clouds]),
        np.concatenate([cloud.weights for cloud in clouds]),
    )


@dataclass(frozen=True)
class View:
    """How a person stood before the detector.

    `turn` (about the long axis of the body), `tilt` (forward or backward) and `roll` (in the plane
    of the picture) are degrees; `shift` is the point of the chest at the centre of the picture and
    `field` the width of the picture, both in cm; `lift` is how far the diaphragm stands above full
    inspiration, in cm; `shape` is rows and columns.
    """

    turn: float
    tilt: float
    roll: float
    shift: tuple[float, float]
    field: float
    lift: float
    shape: tuple[int, int]

    @property
    def pixel(self) -> float:
        """The side of a pixel in cm."""
        return self.field / self.shape[1]

    @cached_property
    def grid(self) -> tuple[Values, Values]:
        """x and y in cm of each pixel, in the plane z = 0."""
        rows, columns = self.shape
        right = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2) * self.pixel
        down = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2) * self.pixel
        sine, cosine = math.sin(math.radians(self.roll)), math.cos(math.radians(self.roll))
        x = cosine * right[None, :] - sine * down[:, None] + self.shift[0]
        y = sine * right[None, :] + cosine * down[:, None] + self.shift[1]
        return x.astype(np.float32), y.astype(np.float32)

    def at_depth(self, z: float) -> tuple[Values, Values]:
        """x and y of what each pixel sees in the plane z, which the turn and the tilt displace."""
        x, y = self.grid
        return (
            x - z * math.sin(math.radians(self.turn)),
            y - z * math.sin(math.radians(self.tilt)),
        )

    def splat(self, cloud: Cloud) -> Values:
        """The line integral through a cloud: attenuation, no unit, of the shape of the picture."""
        turn, tilt, roll = (math.radians(angle) for angle in (self.turn, self.tilt, self.roll))
        across, down, forward = cloud.points.T
        x = across * math.cos(turn) + forward * math.sin(turn) - self.shift[0]
        y = down + forward * math.sin(tilt) - self.shift[1]
        rows, columns = self.shape
        column = (math.cos(roll) * x + math.sin(roll) * y) / self.pixel + (columns - 1) / 2
        row = (math.cos(roll) * y - math.sin(roll) * x) / self.pixel + (rows - 1) / 2
        inside = (row >= 0) & (row < rows - 1) & (column >= 0) & (column < columns - 1)
        row, column = row[inside], column[inside]
        weight = cloud.weights[inside] / self.pixel**2
        top, left = row.astype(np.int64), column.astype(np.int64)
        below, beside = row - top, column - left
        total = np.zeros(rows * columns)
        start = top * columns + left
        for step, part in (
            (0, (1 - below) * (1 - beside)),
            (1, (1 - below) * beside),
            (columns, below * (1 - beside)),
            (columns + 1, below * beside),
        ):
            total += np.bincount(start + step, weight * part, minlength=rows * columns)
        return total.reshape(self.shape).astype(np.float32)
