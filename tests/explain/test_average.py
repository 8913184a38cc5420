"""The mean map: what lies at the same place in every picture stays, findings average away."""

from __future__ import annotations

import numpy as np
import pytest

from medxfer.explain.average import NINTHS, MeanMap
from tests.explain.squares import heat_of, picture_of


def test_a_corner_marker_stands_out() -> None:
    """Forty pictures: a weak spot always at the top right, a strong one now here, now there."""
    mean, generator = MeanMap(), np.random.default_rng(0)
    for seed in range(40):
        row, column = (int(edge) for edge in generator.integers(70, 176, 2))
        mean.add(picture_of(row, column, seed), 0.6 * heat_of(0, 176) + 0.4 * heat_of(row, column))
    shares = mean.shares()
    assert tuple(shares) == NINTHS
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) == "top right"
    assert shares["top right"] > 0.5
    assert np.unravel_index(mean.heatmap.argmax(), (224, 224)) > (0, 150)
    assert mean.picture.shape == (224, 224, 3)


def test_it_is_the_mean_over_what_is_seen() -> None:
    generator = np.random.default_rng(0)
    heats = generator.random((3, 256, 256)).astype(np.float32)
    pixels = generator.integers(0, 256, (3, 256, 256, 3)).astype(np.uint8)
    mean = MeanMap()
    for picture, heat in zip(pixels, heats, strict=True):
        mean.add(picture, heat)
    np.testing.assert_allclose(mean.heatmap, heats[:, 16:-16, 16:-16].mean(axis=0), atol=1e-6)
    grey = pixels[:, 16:-16, 16:-16].mean(axis=(0, 3))
    assert np.abs(mean.picture[..., 0] - grey).max() <= 0.51


def test_pictures_of_other_sizes_and_empty_maps_count() -> None:
    mean = MeanMap()
    mean.add(np.zeros((90, 200, 3), np.uint8), np.ones((90, 200), np.float32))
    mean.add(np.zeros((300, 200, 3), np.uint8), np.zeros((300, 200), np.float32))
    assert (mean.count, mean.empty) == (2, 1)
    np.testing.assert_allclose(mean.heatmap, 0.5, atol=1e-6)
    assert list(mean.shares().values()) == pytest.approx([1 / 9] * 9, rel=0.02)


def test_nothing_added_is_empty() -> None:
    assert not MeanMap().heatmap.any()
    assert set(MeanMap().shares().values()) == {0.0}
