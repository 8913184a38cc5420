"""The pass over the pictures, against each measured by hand or by another library."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from medxfer.audit.appearance import appearance, digest
from medxfer.audit.descriptor import SIDE, describe, mirrored
from medxfer.audit.measures import measures, sharpness
from medxfer.cache.room import CacheRoom
from medxfer.data.pixel_store import PixelStore
from medxfer.working import ended

Call = Callable[..., Any]


def test_every_picture_has_its_record(room: CacheRoom, scan: Call, make: Call) -> None:
    pictures = {f"{label}/{n}.png": scan(n) for n, label in enumerate("ABABABAB" * 5)}
    manifest = make(pictures)
    rows = np.arange(len(manifest))[::-1].copy()
    with PixelStore(room, manifest) as store:
        told = list(appearance(store, rows))
        looks = ended(appearance(store, rows))
    assert told[-1] == (80, 80)  # decoded and looked at
    assert all(before[0] <= after[0] for before, after in pairwise(told))
    assert len(looks) == len(set(looks.digests)) == 40
    features = looks.features()
    assert len(features) == 40
    assert "constant" not in features
    for place, row in enumerate(rows.tolist()):
        pixels = pictures[manifest.table["file"][row]]
        assert features["mean"][place] == pytest.approx(pixels.mean(), abs=0.01)
        assert features["spread"][place] == pytest.approx(pixels.std(), abs=0.01)
        assert looks.digests[place] == digest(pixels[np.newaxis])


def test_it_can_be_stopped_between_pieces(room: CacheRoom, scan: Call, make: Call) -> None:
    manifest = make({f"{label}/{n}.png": scan(n, 40, 40) for n, label in enumerate("AB" * 40)})
    with PixelStore(room, manifest) as store:
        steps = appearance(store, np.arange(80))
        next(steps)
        steps.close()


def test_grey_in_three_channels_is_the_same_picture(scan: Call) -> None:
    pixels = scan(0)
    colour = np.stack([pixels, pixels, scan(1)])
    assert digest(pixels[np.newaxis]) == digest(np.stack([pixels] * 3))
    assert digest(pixels[np.newaxis]) != digest(colour)
    assert digest(pixels[np.newaxis]) != digest(pixels.reshape(1, -1, 100))


def test_sharpness_falls_with_blur_and_not_with_contrast(scan: Call) -> None:
    levels = scan(3).astype(np.float32)
    expected = ndimage.laplace(levels)[1:-1, 1:-1].var() / levels.var()
    assert sharpness(levels) == pytest.approx(expected, rel=1e-4)
    assert sharpness(levels / 2) == pytest.approx(sharpness(levels), rel=1e-3)
    blurred = [sharpness(ndimage.gaussian_filter(levels, blur)) for blur in (0, 1, 2, 4)]
    assert blurred == sorted(blurred, reverse=True)
    assert sharpness(np.full((9, 9), 7, np.float32)) == 0


def test_borders_and_corners_are_seen_where_they_are(scan: Call) -> None:
    pixels = np.clip(scan(4, 200, 200), 30, 220)
    before = measures(pixels[np.newaxis])
    pixels[:20] = 0
    pixels[:, -50:] = 0
    pixels[160:190:6, 4:30] = 255  # lines of text, lower left
    found = measures(pixels[np.newaxis])
    assert found["border top"] == pytest.approx(0.1)
    assert found["border right"] == pytest.approx(0.25)
    assert found["border left"] == found["border bottom"] == 0
    assert found["bottom left edge share"] > before["bottom left edge share"] + 0.05
    assert found["bottom left bright share"] > 0
    assert before["bottom left bright share"] == 0
    assert found["bottom right edge share"] <= before["bottom right edge share"]
    assert found["black share"] == pytest.approx((pixels == 0).mean())
    colour = measures(np.stack([pixels, pixels, np.zeros_like(pixels)]))
    assert colour["colour"] == pytest.approx(pixels.mean(), rel=1e-6)
    assert found["colour"] == 0


@pytest.mark.parametrize(("grey", "name"), [(120, "flat marks"), (255, "flat marks"),
                                            (0, "black marks")])  # fmt: skip
@pytest.mark.parametrize("place", [(8, 8), (190, 90), (96, 100)])
def test_a_patch_is_seen_wherever_it_was_pasted(
    scan: Call, place: tuple[int, int], grey: int, name: str
) -> None:
    """Also after compression; a smooth picture, one with noise and a black border have none."""
    pixels = np.clip(scan(2, 220, 220) * 0.4, 30, 90).astype(np.uint8)
    before = measures(pixels[np.newaxis])
    assert before["flat marks"] == before["black marks"] == 0
    top, left = place
    pixels[top : top + 10, left : left + 24] = grey
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    for seen in (pixels, np.asarray(Image.open(buffer))):
        found = measures(seen[np.newaxis])
        windows = found[name] * (220 - 4) ** 2
        assert 4 <= windows <= 60
        assert {found["flat marks"], found["black marks"]} - {found[name]} == {0}


def test_what_was_scanned_has_no_marks() -> None:
    down, across = np.mgrid[:200, :200]
    slope = ((down + across) / 2).astype(np.uint8)
    noise = np.random.default_rng(0).integers(100, 120, (200, 200)).astype(np.uint8)
    disc = np.where((down - 100) ** 2 + (across - 100) ** 2 < 80**2, noise + 60, 0)
    bordered = np.where(across < 30, 0, noise)
    for picture in (slope, noise, disc.astype(np.uint8), bordered.astype(np.uint8)):
        found = measures(picture[np.newaxis])
        assert found["flat marks"] == 0
        assert found["black marks"] * (200 - 4) ** 2 < 20


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 5), (3, 5, 2), (1, 7, 7)])
def test_tiny_and_constant_pictures_have_finite_measures(shape: tuple[int, ...]) -> None:
    found = measures(np.full(shape, 200, np.uint8))
    assert found["constant"] == 1
    assert np.isfinite(list(found.values())).all()


def test_the_descriptor_of_a_mirror_image_is_the_descriptor_turned(scan: Call) -> None:
    squares = np.stack([scan(n, SIDE, SIDE) for n in range(3)]).astype(np.float32)
    turned = describe(squares[:, :, ::-1].copy())
    assert np.allclose(mirrored(describe(squares)), turned, atol=1e-4)
    assert not np.allclose(describe(squares), turned, atol=1e-2)
