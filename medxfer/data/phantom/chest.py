"""One patient's chest put together, and what a beam loses on its way through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from medxfer.data.phantom import soft_tissue
from medxfer.data.phantom.anatomy import Anatomy, Values, draw_anatomy
from medxfer.data.phantom.bones import skeleton
from medxfer.data.phantom.distractors import MUSCLE, Shadow, draw_lasting
from medxfer.data.phantom.opacity import Opacity, draw_opacities
from medxfer.data.phantom.projection import Cloud, View
from medxfer.data.phantom.texture import rough_field, sample
from medxfer.data.phantom.vessels import vessel_tree

LUNG, FAT = 0.042, 0.16
"""Attenuation of aerated lung and of fat at about 60 keV, 1/cm."""
AERATED = 1.0
"""Lung along the beam, in cm, from which a pixel counts as lung."""
SEEN, LEAST = 0.3, 0.35
"""Fluid from which a pixel belongs to an opacity: share of the most there is, and cm."""
BORDER = 0.35
"""How far the border of a mask is smoothed, cm."""


@dataclass(frozen=True)
class Chest:
    """Everything that all images of a patient share; `opacities` is empty in a normal chest."""

    anatomy: Anatomy
    bones: Cloud
    vessels: Cloud
    muscle: Values
    interstitium: Values
    shadows: tuple[Shadow, ...]
    opacities: tuple[Opacity, ...]


@dataclass(frozen=True)
class Projection:
    """What a beam meets, each of the shape of the picture.

    `attenuation` is the natural logarithm of the loss; `clear` the same without any opacity;
    `lungs` and `mask` are True where there is lung, and where an opacity shows.
    """

    attenuation: Values
    clear: Values
    lungs: npt.NDArray[np.bool_]
    mask: npt.NDArray[np.bool_]


def draw_chest(rng: np.random.Generator, *, ill: bool) -> Chest:
    """A chest from its random stream; the anatomy does not depend on `ill`."""
    anatomy = draw_anatomy(rng)
    return Chest(
        anatomy=anatomy,
        bones=skeleton(anatomy, rng),
        vessels=vessel_tree(anatomy, rng),
        muscle=rough_field(rng, 1.6),
        interstitium=rough_field(rng, 1.0, 2.0),
        shadows=draw_lasting(anatomy, rng),
        opacities=draw_opacities(anatomy, rng) if ill else (),
    )


def project(chest: Chest, view: View, passing: tuple[Shadow, ...], stage: float) -> Projection:
    """Send the beam through the chest; `stage` is how far the opacities have come, 0 to 1."""
    anatomy = chest.anatomy
    x, y = view.grid
    lungs = soft_tissue.lungs(anatomy, view)
    body = soft_tissue.body(anatomy, view)
    gas = soft_tissue.airways(anatomy, view) + soft_tissue.stomach(anatomy, view)
    lung = LUNG * anatomy.lung
    clear = MUSCLE * (body * (1 + 0.03 * sample(chest.muscle, x, y)) - lungs - gas)
    clear += lung * lungs * (1 + 0.06 * sample(chest.interstitium, x, y))
    clear += FAT * soft_tissue.breasts(anatomy, view) + view.splat(chest.bones)
    clear += view.splat(_crowded(chest.vessels, anatomy, view)) * np.clip(lungs / 3, 0, 1)
    for shadow in (*chest.shadows, *passing):
        clear += shadow.attenuation(view) * (body > 0)
    clear = np.maximum(clear, 0)
    if not chest.opacities:
        return Projection(clear, clear, lungs > AERATED, np.zeros(view.shape, bool))
    fluid = [opacity.fluid(anatomy, view, lungs, stage) for opacity in chest.opacities]
    smooth = [ndimage.gaussian_filter(part, BORDER / view.pixel) for part in fluid]
    mask = np.any([part > max(SEEN * part.max(), LEAST) for part in smooth], axis=0)
    total = np.minimum(np.sum(fluid, axis=0), 0.9 * lungs)
    return Projection(
        clear + (MUSCLE - lung) * total, clear, lungs > AERATED, mask & (lungs > AERATED)
    )


def _crowded(vessels: Cloud, anatomy: Anatomy, view: View) -> Cloud:
    squeeze = np.array([1, 1 - view.lift / anatomy.dome[0], 1], np.float32)
    return Cloud(vessels.points * squeeze, vessels.weights)
