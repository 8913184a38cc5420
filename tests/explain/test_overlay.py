"""Colours against matplotlib's maps, blending against Pillow's compositing."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medxfer.errors import UnknownNameError
from medxfer.explain.overlay import COLOUR_MAPS, blend, colour, encode_png


@pytest.fixture
def heat() -> np.ndarray:
    return np.linspace(0, 1, 256 * 4, dtype=np.float32).reshape(32, 32)


@pytest.mark.parametrize("name", list(COLOUR_MAPS))
def test_colour_maps_are_those_of_matplotlib(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    matplotlib = pytest.importorskip("matplotlib")
    theirs = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255
    difference = np.abs(COLOUR_MAPS[name].astype(float) - theirs)
    assert difference.mean() < 3
    assert difference.max() < 16


@pytest.mark.parametrize("name", list(COLOUR_MAPS))
def test_colour_maps_grow_lighter_with_heat(name: str) -> None:
    luminance = COLOUR_MAPS[name] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > -0.5).all()
    assert luminance[-1] > luminance[0] + 120


def test_opacity_follows_heat(heat: np.ndarray) -> None:
    rgba = colour(heat)
    assert rgba.shape == (32, 32, 4)
    assert rgba.dtype == np.uint8
    np.testing.assert_array_equal(rgba[..., 3], np.round(heat * 255))
    assert rgba[0, 0, 3] == 0
    assert rgba[-1, -1].tolist() == [*COLOUR_MAPS["inferno"][255], 255]


def test_blend_is_what_a_browser_draws(heat: np.ndarray) -> None:
    """The same as the picture with the RGBA layer laid over it."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    base = Image.fromarray(pixels).convert("RGBA")
    base.alpha_composite(Image.fromarray(colour(heat)))
    theirs = np.asarray(base.convert("RGB")).astype(int)
    assert np.abs(blend(pixels, heat, 1.0).astype(int) - theirs).max() <= 2
    np.testing.assert_array_equal(blend(pixels, heat, 0.0), pixels)
    np.testing.assert_array_equal(blend(pixels, np.zeros_like(heat), 1.0), pixels)


def test_png_holds_the_pixels_and_nothing_else(heat: np.ndarray) -> None:
    rgba = colour(heat, "viridis")
    data = encode_png(rgba)
    opened = Image.open(BytesIO(data))
    np.testing.assert_array_equal(np.asarray(opened), rgba)
    assert not opened.info


def test_an_unknown_map_is_named() -> None:
    with pytest.raises(UnknownNameError, match="no colour map called 'jet'"):
        colour(np.zeros((2, 2), dtype=np.float32), "jet")
