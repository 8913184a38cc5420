"""What the viewer is given: shapes, lossless packing, and tags that may be wrong."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from medxfer.explain.overlay import COLOUR_MAPS
from medxfer.ui.viewer.display import (
    Display,
    HeatLayer,
    pack_heat,
    pack_picture,
    settings,
)

SCAN = np.arange(6 * 5, dtype=np.uint16).reshape(6, 5) * 2000


def unpacked(payload: bytes) -> NDArray[np.generic]:
    """The array in a payload, read as the browser reads it."""
    line, content = payload.split(b"\n", 1)
    label = json.loads(line)
    kind = "<u2" if label["bits"] == 16 else "u1"
    shape = (label["height"], label["width"], label["channels"])
    return np.frombuffer(content, dtype=kind).reshape(shape)


@pytest.mark.parametrize("kind", ["<u2", ">u2", "u1"])
def test_grey_pixels_travel_without_loss(kind: str) -> None:
    pixels = (SCAN // (1 if "2" in kind else 250)).astype(kind)
    sent = unpacked(pack_picture(Display("a", pixels)).payload)
    np.testing.assert_array_equal(sent[..., 0], pixels)


def test_parts_of_larger_arrays_travel_too() -> None:
    sent = unpacked(pack_picture(Display("a", SCAN[::2, 1:4])).payload)
    np.testing.assert_array_equal(sent[..., 0], SCAN[::2, 1:4])


def test_colour_travels_as_colour_and_three_equal_channels_as_grey() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (4, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(unpacked(pack_picture(Display("a", colour)).payload), colour)
    grey = np.repeat(colour[..., :1], 3, axis=2)
    np.testing.assert_array_equal(unpacked(pack_picture(Display("a", grey)).payload), grey[..., :1])


def test_the_digest_tells_pictures_apart_by_values_and_by_shape() -> None:
    other = SCAN.copy()
    other[3, 3] += 1
    digests = {
        pack_picture(Display("a", pixels)).label["digest"]
        for pixels in (SCAN, other, SCAN.reshape(5, 6), SCAN.reshape(3, 10))
    }
    assert len(digests) == 4


def test_equal_pixels_under_another_window_or_scale_are_another_picture() -> None:
    """Else the viewer would keep the window of the picture before."""
    pictures = [
        Display("a", SCAN),
        Display("a", SCAN, window=(40, 400)),
        Display("a", SCAN, window=(40, 400), scale=(1, -1024)),
        Display("a", SCAN, window=(40, 400), scale=(1, -1024), unit="HU"),
    ]
    assert len({pack_picture(picture).label["digest"] for picture in pictures}) == 4
    renamed = Display("b", SCAN, laterality="L", spacing=(1, 1))
    assert pack_picture(renamed).label["digest"] == pack_picture(pictures[0]).label["digest"]


def test_heat_travels_in_256_steps() -> None:
    heat = HeatLayer(np.array([[-0.2, 0, 0.5, 1, 1.5]], dtype=np.float32), "a", "")
    assert unpacked(pack_heat(heat).payload).ravel().tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), dtype=np.int16),
        np.zeros((4, 4), dtype=np.float32),
        np.zeros((4, 4, 4), dtype=np.uint8),
        np.zeros((4, 4, 3), dtype=np.uint16),
        np.zeros((0, 4), dtype=np.uint8),
        np.zeros(4, dtype=np.uint8),
    ],
)
def test_what_it_cannot_show_is_refused(pixels: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="shows no picture of shape"):
        Display("a", pixels)  # type: ignore[arg-type]


def test_a_heatmap_has_rows_and_columns() -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        HeatLayer(np.zeros((2, 2, 1), dtype=np.float32), "a", "")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ((40.0, 400.0), (40.0, 400.0)),
        ((40.0, 1.0), (40.0, 1.0)),
        ((40.0, 0.0), None),
        ((40.0, -5.0), None),
        ((math.nan, 400.0), None),
        ((40.0, math.inf), None),
        (None, None),
    ],
)
def test_a_window_that_cannot_be_is_left_out(
    given: tuple[float, float] | None, used: tuple[float, float] | None
) -> None:
    assert settings(Display("a", SCAN, window=given))["window"] == used


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ((2.0, -1024.0), (2.0, -1024.0)),
        ((-1.0, 4095.0), (-1.0, 4095.0)),
        ((0.0, 7.0), (1.0, 0.0)),
        ((math.nan, 0.0), (1.0, 0.0)),
        ((1.0, math.inf), (1.0, 0.0)),
    ],
)
def test_values_are_read_out_on_a_scale_that_can_be(
    given: tuple[float, float], used: tuple[float, float]
) -> None:
    sent = settings(Display("a", SCAN, scale=given, unit="HU"))
    assert (sent["scale"], sent["unit"]) == (used, "HU")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ((0.2, 0.2), 0.2),
        ((0.143, 0.1435), 0.1435),
        ((0.2, 0.4), None),
        ((0.0, 0.0), None),
        ((-0.2, -0.2), None),
        ((math.nan, math.nan), None),
        (None, None),
    ],
)
def test_a_scale_bar_needs_known_square_pixels(
    given: tuple[float, float] | None, used: float | None
) -> None:
    assert settings(Display("a", SCAN, spacing=given))["spacing"] == used


@pytest.mark.parametrize(
    ("given", "used"), [("L", "left"), ("r ", "right"), ("B", "both"), ("U", ""), ("", "")]
)
def test_laterality_is_what_the_tag_says_or_nothing(given: str, used: str) -> None:
    assert settings(Display("a", SCAN, laterality=given))["laterality"] == used


def test_all_colour_maps_travel_and_the_rainbow_apart_from_them() -> None:
    sent = settings(Display("a", SCAN))
    assert list(sent["colours"]) == list(COLOUR_MAPS)
    assert sent["rainbow"] not in sent["colours"].values()
    json.dumps(sent)
