"""Whether two pictures that lie over each other are one: patch by patch, in their fine detail.

Two chests have ribs and hearts in the same places; only one picture has the same fine detail in
nearly every place. So both pictures lose their coarse shades, and each small patch is compared by
normalised correlation, which brightness, contrast and gamma do not touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, gaussian_filter

from medxfer.audit.measures import Floats
from medxfer.audit.registration import laid_over

_GRID = 8
"""Patches along a side."""


@dataclass(frozen=True)
class Scale:
    """How closely pictures are compared; lengths in pixels."""

    side: int
    """Of the squares."""
    fine: float
    coarse: float
    """Detail between these two blurs is compared. Finer detail is lost in compression."""
    margin: int
    """Beside a background, so much is not compared."""
    agrees: float
    """Correlation from which a patch is the same."""


GLANCE = Scale(side=48, fine=0.4, coarse=1.6, margin=1, agrees=0.8)
CLOSE = Scale(side=128, fine=1.0, coarse=4.0, margin=3, agrees=0.88)

ONE_PICTURE = 0.76
"""Share of agreeing patches from which a pair is one picture. Measured: different chests reach 0.4,
slices of one brain 0.6, other photographs of one mole 0.75; copies under text have 0.79 at the 1st
percentile."""
_DARK, _BRIGHTEST, _EVERY = 0.08, 99, 7
"""Background is darker than this part of a picture's 99th percentile, of every seventh pixel."""
_FILLED = 0.5
"""Of a patch, the part that must be foreground in both pictures."""
_DETAIL = 1.2
"""Grey levels of detail in a patch below which it is flat and says nothing."""
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
    same: npt.NDArray[np.bool_]
    """Whether they are one picture: enough of the patches agree, counting one more that does not,
    so that few patches must agree all."""
    covered: npt.NDArray[np.bool_]
    """Whether something was written over one of the two."""
    brightness: Floats
    """Mean brightness of the second less that of the first under it, grey levels."""


def agreement(first: Floats, second: Floats, position: Floats, scale: Scale) -> Agreement:
    """Compare pictures (n, side, side) of this scale, 0 to 255, that lie as `align` says.

    Patches that disagree because something was written over them in one picture do not count, up
    to a quarter of all.
    """
    laid, inside = laid_over(first, position)
    seen = _foreground(laid, scale) & _foreground(second, scale) & inside
    valid = seen.astype(np.float32)
    weights = _patches(valid)
    count = np.maximum(weights.sum(axis=2), 1)
    one, two = (
        _uncoloured(_patches(_detail(each, valid, scale)), weights) for each in (laid, second)
    )
    one_power, two_power = (np.sqrt((each * each).sum(axis=2) / count) for each in (one, two))
    alike = (one * two).sum(axis=2) / count / (one_power * two_power + 1e-3)
    strong, weak = np.maximum(one_power, two_power), np.minimum(one_power, two_power)
    shown = (weights.mean(axis=2) > _FILLED) & (strong > _DETAIL)
    agrees = shown & (alike > scale.agrees)
    covered = shown & ~agrees & (strong > _COVERED * weak + 1)
    area = inside.sum((1, 2)) + 1
    brighter = ((second - laid) * inside).sum((1, 2)) / area
    share, same = _verdict(shown, agrees, covered)
    return Agreement(
        share,
        same,
        (shown & ~agrees & (strong > _MARKED * weak)).sum(axis=1) >= _WRITTEN,
        np.asarray(brighter, dtype=np.float32),
    )


def _verdict(
    shown: npt.NDArray[np.bool_], agrees: npt.NDArray[np.bool_], covered: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    count, agreeing = shown.sum(axis=1), agrees.sum(axis=1)
    left = count - np.minimum(covered.sum(axis=1), _MOST_COVERED * count)
    enough = count >= _LEAST_PATCHES
    share = np.where(enough, agreeing / np.maximum(left, 1), 0).astype(np.float32)
    return share, enough & (agreeing >= ONE_PICTURE * (left + 1))


def _foreground(pictures: Floats, scale: Scale) -> npt.NDArray[np.bool_]:
    """What is not background, and not next to it.

    The edge of a dark background, such as the round frame of an eye's picture or the outline of a
    head, is in the same place in pictures of different people.
    """
    flat = pictures.reshape(len(pictures), pictures.shape[1] * pictures.shape[2])
    bright = np.percentile(flat[:, ::_EVERY], _BRIGHTEST, axis=1)[:, np.newaxis, np.newaxis]
    dark = (pictures < _DARK * bright).astype(np.float32)
    around = np.ones((1, 2 * scale.margin + 1, 2 * scale.margin + 1), dtype=bool)
    mostly = gaussian_filter(dark, (0.0, 1.0, 1.0)) > 0.5  # noqa: PLR2004  (no single dark pixels)
    return np.asarray(~binary_dilation(mostly, around))


def _detail(pictures: Floats, valid: Floats, scale: Scale) -> Floats:
    """The detail of the valid part, as if nothing else were there; 0 elsewhere."""
    fine, coarse = (
        gaussian_filter(pictures * valid, (0.0, blur, blur))
        / (gaussian_filter(valid, (0.0, blur, blur)) + 1e-3)
        for blur in (scale.fine, scale.coarse)
    )
    return np.asarray((fine - coarse) * valid, dtype=np.float32)


def _uncoloured(patches: Floats, weights: Floats) -> Floats:
    """Less the mean of each patch's valid part; 0 elsewhere."""
    total = np.maximum(weights.sum(axis=2, keepdims=True), 1)
    return np.asarray((patches - (patches * weights).sum(axis=2, keepdims=True) / total) * weights)


def _patches(pictures: Floats) -> Floats:
    """(n, patches, pixels)."""
    count, side, _ = pictures.shape
    patch = side // _GRID
    cut = pictures.reshape(count, _GRID, patch, _GRID, patch).transpose(0, 1, 3, 2, 4)
    return cut.reshape(count, _GRID * _GRID, patch * patch)
