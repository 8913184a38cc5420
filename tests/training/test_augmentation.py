"""Drawn views have the distributions of torchvision's transforms."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from torchvision.transforms import v2

from medxfer.config import Preset
from medxfer.models.views import Views
from medxfer.training.augmentation import VARIATIONS, draw_views

DRAWS = 3000
ALPHA = 1e-4
"""Of one comparison; seeds are fixed, so a test that passes keeps passing."""

# What the presets are in torchvision, as the published recipe states them.
REFERENCE: dict[Preset, tuple[v2.RandomResizedCrop, float, float]] = {
    Preset.ARTICLE: (v2.RandomResizedCrop(224), 0.5, 10.0),
    Preset.RADIOGRAPH: (v2.RandomResizedCrop(224, scale=(0.8, 1.0), ratio=(0.9, 1.1)), 0.0, 7.0),
}
SHAPES = [(256, 256), (256, 340), (420, 256), (256, 1024), (60, 41)]
Figure = Callable[[NDArray[np.float64]], NDArray[np.float64]]
FIGURES: dict[str, Figure] = {
    "left": lambda box: box[:, 0],
    "top": lambda box: box[:, 1],
    "width": lambda box: box[:, 2] - box[:, 0],
    "height": lambda box: box[:, 3] - box[:, 1],
    "area": lambda box: (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]),
    "ratio": lambda box: (box[:, 2] - box[:, 0]) / (box[:, 3] - box[:, 1]),
    "middle": lambda box: box[:, 0] + box[:, 2],
}


def ours(preset: Preset, shape: tuple[int, int], seed: int = 0) -> Views:
    return draw_views(preset, np.tile(shape, (DRAWS, 1)), seed)


def theirs(preset: Preset, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Boxes as torchvision draws them."""
    crop = REFERENCE[preset][0]
    picture = torch.empty(3, *shape)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        drawn = [crop.make_params([picture]) for _ in range(DRAWS)]
    return np.array(
        [(p["left"], p["top"], p["left"] + p["width"], p["top"] + p["height"]) for p in drawn],
        dtype=np.float64,
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("preset", Preset)
def test_crops_are_distributed_as_torchvision_draws_them(
    preset: Preset, shape: tuple[int, int]
) -> None:
    box, reference = ours(preset, shape).box.numpy().astype(np.float64), theirs(preset, shape)
    for name, figure in FIGURES.items():
        found, expected = figure(box), figure(reference)
        if np.ptp(expected) < 1e-6:  # no crop fits: always the same middle part
            np.testing.assert_allclose(found, expected[: len(found)], err_msg=name)
        else:
            assert ks_2samp(found, expected).pvalue > ALPHA, name


def test_the_comparison_would_notice_another_distribution() -> None:
    box, reference = (
        ours(Preset.ARTICLE, (256, 340)).box.numpy(),
        theirs(Preset.RADIOGRAPH, (256, 340)),
    )
    assert ks_2samp(FIGURES["area"](box), FIGURES["area"](reference)).pvalue < ALPHA


@pytest.mark.parametrize("preset", Preset)
def test_the_rest_is_distributed_as_torchvision_draws_it(preset: Preset) -> None:
    views = ours(preset, (256, 300), seed=4)
    _, mirrored, degrees = REFERENCE[preset]
    picture = torch.empty(3, 8, 8)
    rotation, jitter = v2.RandomRotation(degrees), v2.ColorJitter(brightness=0.2, contrast=0.2)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(2)
        angles = [rotation.make_params([picture])["angle"] for _ in range(DRAWS)]
        lights = [jitter.make_params([picture]) for _ in range(DRAWS)]
    assert ks_2samp(np.degrees(views.angle.numpy()), angles).pvalue > ALPHA
    for name, found in (("brightness", views.brightness), ("contrast", views.contrast)):
        expected = [float(p[f"{name}_factor"]) for p in lights]
        assert ks_2samp(found.numpy(), expected).pvalue > ALPHA, name
    spread = 4 * math.sqrt(0.25 / DRAWS)
    assert views.mirrored.float().mean() == pytest.approx(mirrored, abs=spread if mirrored else 0)
    # 0 is brightness, 1 contrast: which comes first
    order = [p["fn_idx"].tolist() for p in lights]
    first = np.mean([o.index(1) < o.index(0) for o in order])
    assert views.contrast_first.float().mean() == pytest.approx(first, abs=2 * spread)


def test_what_is_drawn_is_drawn_independently() -> None:
    views = ours(Preset.ARTICLE, (256, 300))
    columns = np.stack(
        [
            views.box[:, 0].numpy(), views.box[:, 1].numpy(), views.angle.numpy(),
            views.brightness.numpy(), views.contrast.numpy(),
            views.mirrored.float().numpy(), views.contrast_first.float().numpy(),
        ]
    )  # fmt: skip
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    correlation[0, 1] = correlation[1, 0] = 0  # both shrink where the crop is large
    assert np.abs(correlation).max() < 5 / math.sqrt(DRAWS)


def test_a_radiograph_is_never_mirrored() -> None:
    assert not ours(Preset.RADIOGRAPH, (256, 300)).mirrored.any()


@pytest.mark.parametrize("preset", Preset)
def test_the_same_seed_draws_the_same_views(preset: Preset) -> None:
    first, again, other = (ours(preset, (256, 300), seed) for seed in (1, 1, 2))
    assert torch.equal(first.box, again.box)
    assert torch.equal(first.angle, again.angle)
    assert not torch.equal(first.box, other.box)
    assert VARIATIONS[preset].words


def test_a_crop_lies_in_its_picture() -> None:
    sizes = np.random.default_rng(0).integers(1, 300, (2000, 2))
    box = draw_views(Preset.ARTICLE, sizes, 0).box.numpy()
    assert (box[:, :2] >= 0).all()
    assert (box[:, 2] <= sizes[:, 1]).all()
    assert (box[:, 3] <= sizes[:, 0]).all()
    assert ((box[:, 2:] - box[:, :2]) >= 1).all()
