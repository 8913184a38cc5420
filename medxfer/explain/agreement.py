"""Does the answer stay the same when the picture is moved a little?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from medxfer.models.preprocessing import CROP, normalise, seen_box

STEP = 8
"""Pixels of the network's view by which it is moved; it has 16 on each side to spare."""
SHIFTS = tuple((across, down) for down in (-STEP, 0, STEP) for across in (-STEP, 0, STEP)
               if (across, down) != (0, 0))  # fmt: skip
"""Across and down, in pixels of the network's view: the eight neighbours of where it looks."""


@dataclass(frozen=True)
class Agreement:
    """What becomes of an answer when the view is moved by `STEP` pixels in eight directions."""

    shifts: int
    same: int
    """Of the shifts: those that call the same class."""
    low: float
    high: float
    """The least and greatest probability of the class that is called, the unmoved view included."""

    @property
    def share(self) -> float:
        return self.same / self.shifts

    @property
    def sentence(self) -> str:
        """For a person."""
        return (
            f"Moved by {STEP} of {CROP} pixels, {self.same} of {self.shifts} views are called the "
            f"same; the probability lies between {self.low:.3f} and {self.high:.3f}."
        )


def views(pixels: NDArray[np.uint8]) -> Tensor:
    """The network's view of a picture (height, width, 3) and the shifted ones, unmoved first.

    Gives float32 (9, 3, 224, 224) as `to_input` does. Nothing is mirrored: left is not right.
    """
    height, width, _ = pixels.shape
    left, top, right, bottom = seen_box(width, height)
    across, down = (right - left) / CROP, (bottom - top) / CROP
    image = Image.fromarray(pixels)
    seen = []
    for x, y in ((0, 0), *SHIFTS):
        box = (
            max(0.0, left + x * across),
            max(0.0, top + y * down),
            min(float(width), right + x * across),
            min(float(height), bottom + y * down),
        )
        seen.append(np.array(image.resize((CROP, CROP), Image.Resampling.BILINEAR, box=box)))
    return normalise(torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2).contiguous())


def agreement(called: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Agreement:
    """From the answers to `views`: class indices (9,) and probabilities (9, k), unmoved first."""
    of_called = probabilities[:, called[0]]
    return Agreement(
        shifts=len(called) - 1,
        same=int((called[1:] == called[0]).sum()),
        low=float(of_called.min()),
        high=float(of_called.max()),
    )
