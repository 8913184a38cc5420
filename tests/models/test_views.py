"""Views against torchvision and against `to_input`."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from medxfer.models.preprocessing import CROP, STD, normalise, to_input
from medxfer.models.views import Views, evaluation_views, render

WHITE = 255


def scan(height: int, width: int, channels: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width, channels): smooth shapes and some noise, as scans have."""
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [
        np.sin(8 * across + 3 * c + seed) * np.cos(6 * down + c) * 90 + 128 for c in range(channels)
    ]
    noise = generator.normal(0, 6, (height, width, channels))
    return np.clip(np.stack(planes, -1) + noise, 0, WHITE).astype(np.uint8)


def stacked(pictures: list[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
    """As the pixel store hands them out; what is beside a picture is its worst enemy, white."""
    high = max(p.shape[0] for p in pictures)
    wide = max(p.shape[1] for p in pictures)
    pixels = np.full((len(pictures), pictures[0].shape[2], high, wide), WHITE, np.uint8)
    for place, picture in enumerate(pictures):
        repeated = np.pad(picture, ((0, 1), (0, 1), (0, 0)), mode="edge")[:high, :wide]
        pixels[place, :, : repeated.shape[0], : repeated.shape[1]] = repeated.transpose(2, 0, 1)
    return torch.from_numpy(pixels), torch.tensor([p.shape[:2] for p in pictures])


def levels(inputs: Tensor) -> Tensor:
    """Differences of normalised inputs in grey levels."""
    return inputs * torch.tensor(STD).view(3, 1, 1) * WHITE


def one(box: tuple[float, ...], **more: float) -> Views:
    values = {"mirrored": False, "angle": 0.0, "brightness": 1.0, "contrast": 1.0,
              "contrast_first": False} | more  # fmt: skip
    return Views(
        torch.tensor([box], dtype=torch.float32),
        **{k: torch.tensor([v]) for k, v in values.items()},
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_the_evaluation_view_is_to_input(channels: int) -> None:
    shapes = [(256, 341), (300, 256), (256, 256), (256, 257)]
    pictures = [scan(*shape, channels) for shape in shapes]
    pixels, sizes = stacked(pictures)
    seen = render(pixels, evaluation_views(sizes.numpy()), torch.float32)
    assert seen.shape == (4, 3, CROP, CROP)
    assert seen.is_contiguous(memory_format=torch.channels_last)
    for found, picture in zip(seen, pictures, strict=True):
        rgb = np.repeat(picture, 3, axis=2) if channels == 1 else picture
        difference = levels(found - to_input(rgb)).abs()
        assert difference.max() < 1.01  # to_input rounds to whole grey levels
        assert difference.mean() < 0.1


@pytest.mark.parametrize("shape", [(64, 80), (28, 28), (1, 1), (200, 60)])
def test_a_small_picture_is_enlarged_as_to_input_does_it(shape: tuple[int, int]) -> None:
    picture = scan(*shape)
    pixels, sizes = stacked([picture, scan(256, 300)])
    seen = render(pixels, evaluation_views(sizes.numpy()), torch.float32)[0]
    difference = levels(seen - to_input(np.repeat(picture, 3, axis=2))).abs()
    assert difference.max() < 1.3
    assert difference.mean() < 0.5


def torchvision(picture: NDArray[np.uint8], view: Views) -> Tensor:
    """The same view in torchvision's steps, resampled twice."""
    left, top, right, bottom = (int(edge) for edge in view.box[0])
    image = torch.from_numpy(picture.transpose(2, 0, 1).copy())
    image = reference.resized_crop(
        image, top, left, bottom - top, right - left, [CROP, CROP], antialias=True
    )
    if view.mirrored[0]:
        image = reference.horizontal_flip(image)
    degrees = math.degrees(view.angle[0].item())
    image = reference.rotate(image, degrees, interpolation=InterpolationMode.BILINEAR)
    brightness, contrast = view.brightness[0].item(), view.contrast[0].item()
    if view.contrast_first[0]:
        image = reference.adjust_contrast(image, contrast)
        image = reference.adjust_brightness(image, brightness)
    else:
        image = reference.adjust_brightness(image, brightness)
        image = reference.adjust_contrast(image, contrast)
    return normalise(image)


VIEWS = {
    "crop": one((30, 20, 230, 250)),
    "small crop": one((100, 90, 170, 150)),
    "mirrored": one((10, 30, 240, 240), mirrored=True),
    "turned": one((10, 30, 240, 240), angle=math.radians(10)),
    "turned back": one((40, 0, 256, 200), angle=math.radians(-7)),
    "mirrored and turned": one((40, 0, 256, 200), mirrored=True, angle=math.radians(8)),
    "bright": one((0, 0, 256, 256), brightness=1.2, contrast=0.8),
    "dark": one((0, 0, 256, 256), brightness=0.8, contrast=1.2, contrast_first=True),
    "all": one((12, 9, 222, 240), mirrored=True, angle=-0.1, brightness=1.15, contrast=1.1),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_what_torchvision_makes_step_by_step(name: str, channels: int) -> None:
    picture, view = scan(256, 320, channels, seed=3), VIEWS[name]
    seen = render(stacked([picture])[0], view, torch.float32)[0]
    difference = levels(seen - torchvision(picture, view)).abs()
    # One interpolation instead of two keeps more of the noise; shapes agree.
    assert difference.mean() < 4
    smooth = torch.nn.functional.avg_pool2d(levels(seen - torchvision(picture, view))[None], 8)
    inner = smooth[..., 3:-3, 3:-3]
    assert inner.abs().max() < 4


def test_each_picture_of_a_batch_has_its_own_view() -> None:
    pictures = [scan(256, 300, seed=1), scan(310, 256, seed=2)]
    views = [VIEWS["all"], VIEWS["turned back"]]
    alone = [
        render(stacked([picture])[0], view, torch.float32)
        for picture, view in zip(pictures, views, strict=True)
    ]
    together = Views(
        *(
            torch.cat([getattr(view, name) for view in views])
            for name in ("box", "mirrored", "angle", "brightness", "contrast", "contrast_first")
        )
    )
    seen = render(stacked(pictures)[0], together, torch.float32)
    torch.testing.assert_close(seen, torch.cat(alone), atol=2e-3, rtol=0)
    picked = together[torch.tensor([1])]
    torch.testing.assert_close(picked.box, views[1].box)


def test_corners_that_come_in_from_outside_the_crop_are_black() -> None:
    white = np.full((256, 256, 1), WHITE, np.uint8)
    view = one((20, 20, 236, 236), angle=math.radians(10))
    seen = render(stacked([white])[0], view, torch.float32)[0]
    black = normalise(torch.zeros(3, 1, 1, dtype=torch.uint8))
    torch.testing.assert_close(seen[:, 0, 0], black[:, 0, 0])
    assert levels(seen[:, CROP // 2, CROP // 2][:, None, None] - black).min() > 250


def test_bfloat16_is_the_rounded_float32() -> None:
    pixels, _ = stacked([scan(256, 300)])
    full = render(pixels, VIEWS["all"], torch.float32)
    assert torch.equal(render(pixels, VIEWS["all"], torch.bfloat16), full.to(torch.bfloat16))
