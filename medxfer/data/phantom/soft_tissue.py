"""Thickness maps of body, lungs, heart, great vessels and diaphragm along the beam, in cm.

Everything is a closed form in x and y: the chord of the beam through a solid. A chord rises with a
vertical tangent at the edge of a solid, which is why the borders of heart and diaphragm are sharp.
"""

from __future__ import annotations

import numpy as np

from medxfer.data.phantom.anatomy import LEFT, RIGHT, Anatomy, Values
from medxfer.data.phantom.projection import View
from medxfer.data.phantom.solids import edge, ellipse, rod, union


def body(anatomy: Anatomy, view: View) -> Values:
    """Trunk, neck, shoulders and upper arms, the cavity of the chest counted as full."""
    x, y = view.at_depth(0)
    wide = anatomy.half_width + 0.9 * anatomy.wall
    deep = anatomy.half_depth + 0.55 * anatomy.wall + 0.4
    top = y + 5.2 - 0.0125 * np.minimum(x * x, 400)
    waist = 1 - 0.05 * np.clip((y - 14) / 10, 0, 1) ** 2 + 0.05 * np.clip((y - 20) / 8, 0, 2)
    trunk = edge(x / (wide * waist), 3.2) * 2 * deep
    trunk *= np.sqrt(np.clip(top / 11, 0, 1))
    parts = [trunk, rod(x, y, (0, -14), (0, 3), 5.4 + 0.25 * anatomy.wall, 6.3)]
    shoulder = anatomy.half_width + 4.2
    for side in (RIGHT, LEFT):
        parts.append(rod(x, y, (side * 2, 0.8), (side * shoulder, 3.2), 5.8, 5.6))
        elbow = (side * (shoulder + 4.6), 24)
        parts.append(rod(x, y, (side * shoulder, 3.6), elbow, 5.2 + 0.2 * anatomy.wall, 4.6))
    return union(parts)


def lungs(anatomy: Anatomy, view: View) -> Values:
    """Aerated lung in front of, behind and beside everything else in the chest."""
    thickness = np.zeros(view.shape, np.float32)
    solid = union([heart(anatomy, view), mediastinum(anatomy, view)])
    x, y = view.at_depth(0)
    outer, inner, depth = anatomy.outer(y), anatomy.inner(y), anatomy.depth(y)
    for side in (RIGHT, LEFT):
        beside = side * x
        middle = 0.42 * outer
        lateral = np.clip((beside - middle) / (outer - middle), 0, 1)
        rise = 3.2 + 2.6 * np.clip((y - 6) / 6, 0, 1)
        medial = np.sin(np.clip((beside - inner) / rise, 0, 1) * np.pi / 2)
        chord = 2 * depth * np.sqrt(1 - lateral**3) * medial * (y > 0)
        chord -= np.minimum(below_dome(anatomy, view, side), chord)
        thickness += np.clip(chord - solid, 0, None)
    return thickness


def below_dome(anatomy: Anatomy, view: View, side: int) -> Values:
    """What the diaphragm of one side and the organs under it take from the chest."""
    x, y = view.at_depth(1)
    top = anatomy.dome[0 if side == RIGHT else 1] - view.lift
    centre = anatomy.half_width * 0.47
    steep = 4.6 / (anatomy.half_width - centre) ** 2
    away = side * x - centre
    fall = y - top - steep * np.where(away > 0, away**2, 0.35 * away**2)
    forward = 1.5
    reach = np.sqrt(np.clip(fall, 0, None) / 0.055)
    deep = anatomy.half_depth
    return np.minimum(reach, deep - forward) + np.minimum(reach, deep + forward)


def heart(anatomy: Anatomy, view: View) -> Values:
    """Ventricles and right atrium; a raised diaphragm pushes the heart up and broadens it."""
    x, y = view.at_depth(3.0)
    level = anatomy.dome[0] - view.lift
    size = anatomy.heart * anatomy.half_width / 13.6
    broad = 1 + 0.02 * view.lift
    angle = anatomy.heart_turn - 3 * view.lift
    return union([
        ellipse(x, y, (2.6 * size, level - 3.4), (7.2 * size * broad, 5.0 * size), 11.5, angle),
        ellipse(x, y, (-0.4 * size, level - 4.0), (4.6 * size, 3.9 * size * broad), 9.5, 80),
    ])  # fmt: skip


def mediastinum(anatomy: Anatomy, view: View) -> Values:
    """Great vessels and the tissue between the lungs."""
    x, y = view.at_depth(0)
    level = anatomy.dome[0]
    back, _ = view.at_depth(-5)
    arch, knob = level * 0.3, anatomy.aorta
    return union([
        ellipse(x, y, (-0.1, arch + 1.5), (2.7, 8.5), 10.5, 0),
        ellipse(x, y, (1.5 + 0.6 * knob, arch), (knob, 1.1 * knob), 6, 0),
        ellipse(x, y, (2.3, arch + 3.4), (1.7, 2.1), 6, 0),
        ellipse(x, y, (-2.1, arch + 0.5), (1.1, 6.5), 3.5, 0),
        rod(back, y, (2.0, arch), (0.9, level + 4), 1.25, 1.1),
        ellipse(x, y, (-3.1, level * 0.47), (1.0, 2.2), 4, -15),
        ellipse(x, y, (3.2, level * 0.44), (1.0, 1.9), 4, 15),
    ])  # fmt: skip


def airways(anatomy: Anatomy, view: View) -> Values:
    """Air in the trachea and the main bronchi."""
    x, y = view.at_depth(-1)
    carina = anatomy.dome[0] * 0.36
    return union([
        rod(x, y, (0, -12), (0.2, carina), 0.85, 0.8),
        rod(x, y, (0.2, carina), (-2.2, carina + 2.6), 0.6, 0.5),
        rod(x, y, (0.2, carina), (3.2, carina + 2.2), 0.55, 0.42),
    ])  # fmt: skip


def stomach(anatomy: Anatomy, view: View) -> Values:
    """The gas bubble under the left dome, with its level below."""
    if not anatomy.stomach:
        return np.zeros(view.shape, np.float32)
    x, y = view.at_depth(2)
    radius = anatomy.stomach
    top = anatomy.dome[1] - view.lift + 0.9
    centre = (anatomy.half_width * 0.45, top + 0.75 * radius)
    gas = ellipse(x, y, centre, (1.35 * radius, 0.75 * radius), 1.6 * radius, 0)
    above: Values = np.clip((centre[1] + 0.5 * radius - y) / 0.6, 0, 1)
    return gas * above


def breasts(anatomy: Anatomy, view: View) -> Values:
    """Both breasts, whose lower borders cross the lower lung fields."""
    thickness = np.zeros(view.shape, np.float32)
    if not anatomy.breast:
        return thickness
    x, y = view.at_depth(anatomy.half_depth + 2)
    radius = anatomy.breast
    for side in (RIGHT, LEFT):
        away = (side * x - anatomy.half_width * 0.62) / radius
        low = (y - anatomy.height * 0.72) / radius
        squeezed = np.where(low > 0, low * 1.5, low * 0.7)
        thickness += 0.42 * radius * np.clip(1 - away**2 - squeezed**2, 0, 1) ** 0.6
    return thickness
