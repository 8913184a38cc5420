"""Whether two pictures that lie over each other are one: patch by patch, in their fine detail.

Two chests have ribs and hearts in the same places; only one picture has the same fine detail in
nearly every place. So both pictures lose their coarse shades, and each small patch is compared by
normalised correlation, which brightness, contrast and gamma do not touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from medxfer.audit.measures import Floats
from medxfer.audit.registration import laid_over

SIDE = 128
"""Pixels of the squares in which pairs are compared."""
_PATCH = 16
_FINE, _COARSE = 1.0, 4.0
"""Pixels; detail between these two blurs is compared. Finer detail is lost in compression."""
_DETAIL = 1.2
"""Grey levels of detail in a patch below which it is flat and says nothing."""
_AGREES = 0.88
"""Correlation from which a patch is the same."""
_COVERED = 3.0
"""Times more detail in one than in the other: something was written over it."""
_MOST_COVERED = 0.25
"""Of the patches with detail, so many at most are taken to be written over."""
_MARKED, _WRITTEN = 1.5, 2
"""From so many disagreeing patches with so much more detail in one picture than in the other, it is
said that something was written on it."""
_LEAST_PATCHES = 6
"""With fewer patches that show something, nothing can be said."""


@dataclass(frozen=True)
class Agreement:
    """How far pairs of pictures are one, all (n,)."""

    share: Floats
    """Of the patches that show something, those that agree, 0 to 1; 0 where too few show any."""
    covered: npt.NDArray[np.bool_]
    """Whether something was written over one of the two."""
    brightness: Floats
    """Mean brightness of the second less that of the first under it, grey levels."""


def agreement(first: Floats, second: Floats, position: Floats) -> Agreement:
    """Compare pictures (n, SIDE, SIDE), 0 to 255, that lie as `registration.align` says.

    Patches that disagree because something was written over them in one picture do not count, up
    to a quarter of all.
    """
    laid, inside = laid_over(first, position)
    one, two = _patches(_detail(laid)), _patches(_detail(second))
    whole = _patches(inside.astype(np.float32)).mean(axis=2) > 0.95  # noqa: PLR2004
    one -= one.mean(axis=2, keepdims=True)
    two -= two.mean(axis=2, keepdims=True)
    one_power, two_power = (np.sqrt((each * each).mean(axis=2)) for each in (one, two))
    alike = (one * two).mean(axis=2) / (one_power * two_power + 1e-3)
    strong, weak = np.maximum(one_power, two_power), np.minimum(one_power, two_power)
    shown = whole & (strong > _DETAIL)
    agrees = shown & (alike > _AGREES)
    covered = shown & ~agrees & (strong > _COVERED * weak + 1)
    area = inside.sum((1, 2)) + 1
    brighter = ((second - laid) * inside).sum((1, 2)) / area
    return Agreement(
        _share(shown, agrees, covered),
        (shown & ~agrees & (strong > _MARKED * weak)).sum(axis=1) >= _WRITTEN,
        np.asarray(brighter, dtype=np.float32),
    )


def _share(
    shown: npt.NDArray[np.bool_], agrees: npt.NDArray[np.bool_], covered: npt.NDArray[np.bool_]
) -> Floats:
    count = shown.sum(axis=1)
    left = count - np.minimum(covered.sum(axis=1), _MOST_COVERED * count)
    share = agrees.sum(axis=1) / np.maximum(left, 1)
    return np.where(count >= _LEAST_PATCHES, share, 0).astype(np.float32)


def _detail(pictures: Floats) -> Floats:
    fine = gaussian_filter(pictures, (0.0, _FINE, _FINE))
    return np.asarray(fine - gaussian_filter(pictures, (0.0, _COARSE, _COARSE)), dtype=np.float32)


def _patches(pictures: Floats) -> Floats:
    """(n, patches, pixels)."""
    count, side, _ = pictures.shape
    grid = side // _PATCH
    cut = pictures.reshape(count, grid, _PATCH, grid, _PATCH).transpose(0, 1, 3, 2, 4)
    return cut.reshape(count, grid * grid, _PATCH * _PATCH)
