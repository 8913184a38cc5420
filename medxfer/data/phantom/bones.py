"""The skeleton of the chest as clouds of points: hollow tubes, so that cortical edges show."""

from __future__ import annotations

import numpy as np

from medxfer.data.phantom.anatomy import LEFT, RIGHT, Anatomy, Values
from medxfer.data.phantom.projection import Cloud, join

CORTEX, MARROW = 0.5, 0.075
"""What cortical and cancellous bone attenuate more than muscle at about 60 keV, 1/cm."""
SHELL = 0.1
"""Thickness of the cortex in cm."""
RIBS, VERTEBRAE = 11, 17
STEP = 0.09
"""Distance of the points along a bone in cm."""


def skeleton(anatomy: Anatomy, rng: np.random.Generator) -> Cloud:
    """Ribs, spine, clavicles, scapulae and upper arms of one person."""
    parts = [_spine(anatomy, rng)]
    spacing = anatomy.height / 11.2
    for side in (RIGHT, LEFT):
        parts += [_rib(anatomy, number, spacing, side, rng) for number in range(RIBS)]
        parts += [_clavicle(anatomy, side, rng), _scapula(anatomy, side, rng)]
        parts.append(_upper_arm(anatomy, side, rng))
    cloud = join(parts)
    return Cloud(cloud.points, cloud.weights * anatomy.bone)


def tube(
    path: Values, height: float, width: float, outward: Values, rng: np.random.Generator
) -> Cloud:
    """A hollow bone along `path` (n, 3), `height` cm tall and `width` cm thick along `outward`."""
    around, core = 18, 6
    steps = np.linalg.norm(np.diff(path, axis=0, append=path[-1:] * 2 - path[-2:-1]), axis=1)
    angle = rng.uniform(0, 2 * np.pi, (len(path), around + core))
    reach = np.ones_like(angle)
    reach[:, around:] = np.sqrt(rng.uniform(0, 1, (len(path), core)))
    along = rng.uniform(-0.5, 0.5, angle.shape)[..., None]
    tangent = np.gradient(path, axis=0)[:, None, :]
    points = path[:, None, :] + along * tangent
    points = points + outward[:, None, :] * (reach * np.cos(angle) * width / 2)[..., None]
    points[..., 1] += reach * np.sin(angle) * height / 2
    perimeter = np.pi * (height + width) / 2
    weights = np.empty(angle.shape)
    weights[:, :around] = (steps * perimeter / around * SHELL * CORTEX)[:, None]
    weights[:, around:] = (steps * np.pi / 4 * height * width / core * MARROW)[:, None]
    return _cloud(points, weights)


def _rib(
    anatomy: Anatomy, number: int, spacing: float, side: int, rng: np.random.Generator
) -> Cloud:
    back, full = -1.36, 2.28  # angle at the spine, sweep to the cartilage in front, radians
    sweep = full - max(0, number - 6) * 0.17 - (0.9 if number == RIBS - 1 else 0)
    angle = np.linspace(back, back + sweep, int(28 / STEP))
    done = (angle - back) / full
    drop = min(3.6 + 0.95 * number, 9.6) * rng.normal(1, 0.03)
    y = -0.6 + number * spacing + drop * (done**1.5 - 0.12 * np.sin(done * np.pi) ** 2)
    width = anatomy.outer(y) + 0.35
    depth = np.maximum(anatomy.depth(y), 4) + 0.3
    across = np.abs(np.cos(angle)) ** 0.85
    path = np.stack([side * width * across, y, depth * np.sin(angle)], axis=1)
    outward = np.stack([side * np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    return tube(path, rng.normal(1.15, 0.05), rng.normal(0.62, 0.03), outward, rng)


def _spine(anatomy: Anatomy, rng: np.random.Generator) -> Cloud:
    parts = []
    spacing = anatomy.height / 11.2
    for number in range(-4, VERTEBRAE - 4):
        centre = -0.8 + number * spacing
        half = 1.35 + 0.035 * (number + 4)
        tall = spacing * 0.42
        x, y = (axis.ravel() for axis in np.mgrid[-half:half:0.07, -tall:tall:0.07])
        waist = 1 - 0.1 * (1 - (y / tall) ** 2)
        edge = (np.abs(y) > tall - 0.14) * 1.0 + (np.abs(x) > half - 0.14) * 0.7
        z = rng.uniform(-8.0, -5.0, x.shape) * anatomy.half_depth / 8.6
        body = np.stack([x * waist, y + centre, z], axis=1)
        parts.append(_cloud(body, 0.07**2 * (3.0 * MARROW * 0.5 + edge * 0.07)))
        for x0, y0, rx, ry in (
            (-0.95, -0.3, 0.32, 0.45), (0.95, -0.3, 0.32, 0.45), (0, 0.75, 0.22, 0.6),
        ):  # fmt: skip
            turn = rng.uniform(0, 2 * np.pi, 260)
            ring = np.stack(
                [x0 + rx * np.cos(turn), y0 + ry * np.sin(turn) + centre, 0 * turn - 9], axis=1
            )
            parts.append(_cloud(ring, np.full(260, 2 * (rx + ry) * 0.03 / 260)))
    cloud = join(parts)
    cloud.points[:, 0] += anatomy.spine(cloud.points[:, 1])
    return cloud


def _clavicle(anatomy: Anatomy, side: int, rng: np.random.Generator) -> Cloud:
    done = np.linspace(0, 1, int(18 / STEP))
    end = anatomy.half_width + 4.0
    x = 1.9 + (end - 1.9) * done
    y = 2.6 - (3.2 + rng.normal(0, 0.4)) * done**0.8 + 0.55 * np.sin(done * 2 * np.pi)
    z = anatomy.half_depth * (0.75 - 0.75 * done**1.5)
    outward = np.zeros((len(done), 3))
    outward[:, 2] = 1
    swell = 1.15 + 0.3 * np.cos(done * 2 * np.pi)
    bone = tube(np.stack([side * x, y, z], axis=1), 1.0, 1.1, outward, rng)
    per_step = len(bone.points) // len(done)
    middle = np.repeat(y, per_step)
    bone.points[:, 1] = middle + (bone.points[:, 1] - middle) * np.repeat(swell, per_step)
    return bone


def _scapula(anatomy: Anatomy, side: int, rng: np.random.Generator) -> Cloud:
    out = anatomy.half_width
    corners = np.array([[out - 1.8, 2.0], [out + 3.4, 3.2], [out - 0.2, 14.0]])
    corners = corners + rng.normal(0, 0.4, (3, 2))
    share = rng.dirichlet((1, 1, 1), 5000)
    blade = share @ corners
    blade = np.column_stack([side * blade[:, 0], blade[:, 1], np.full(len(blade), -9.0)])
    acromion = corners[1] + np.array([0.9, -2.6])
    parts = [_cloud(blade, np.full(len(blade), 36.0 / len(blade) * 0.07))]
    outward = np.zeros((120, 3))
    outward[:, 2] = 1
    ends = ((0, 2, 0.2), (1, 2, 0.4), (0, 1, 0.3), (4, 3, 0.9))
    corners = np.vstack([corners, acromion, corners.mean(axis=0) - np.array([0.5, 2])])
    for start, stop, thick in ends:
        path = np.linspace(corners[start], corners[stop], 120)
        bow = 0.5 * np.sin(np.linspace(0, np.pi, 120))
        path = np.column_stack([side * (path[:, 0] - bow), path[:, 1], np.full(120, -9.0)])
        parts.append(tube(path, thick, thick, outward, rng))
    return join(parts)


def _upper_arm(anatomy: Anatomy, side: int, rng: np.random.Generator) -> Cloud:
    centre = np.array([anatomy.half_width + 4.6, 3.4, 0.0])
    direction = rng.normal(size=(6000, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    reach = np.where(rng.random(6000) < 0.5, 1.0, rng.random(6000) ** (1 / 3))[:, None]  # noqa: PLR2004
    head = centre + 2.2 * reach * direction
    weights = np.where(reach[:, 0] == 1, 60.8 * SHELL * CORTEX * 0.4, 44.6 * MARROW * 0.7) / 3000
    done = np.linspace(0, 1, 200)
    shaft = centre + np.outer(done, [4.0, 20.0, 0.0]) + [0.5, 1.2, 0]
    outward = np.tile([1.0, 0.0, 0.0], (200, 1))
    bone = join([_cloud(head, weights), tube(shaft, 0.4, 2.0, outward, rng)])
    bone.points[:, 0] *= side
    return bone


def _cloud(points: Values, weights: Values) -> Cloud:
    return Cloud(points.reshape(-1, 3).astype(np.float32), weights.ravel().astype(np.float32))
