from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision import transforms

from medxfer.models.preprocessing import CROP, MEAN, RESIZE, STD, normalise, seen_box, to_input

PUBLISHED = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
SIZES = [
    (1, 1), (2, 3), (7, 300), (300, 7), (223, 225), (224, 224), (256, 256), (257, 301),
    (320, 261), (261, 320), (1001, 333), (1024, 1024), (17, 2000),
]  # fmt: skip
"""Width and height: small, odd, extreme."""


def random_picture(width: int, height: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(width * 10_000 + height)
    return noise.integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey_levels(images: Tensor) -> Tensor:
    return (images * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]) * 255


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_agrees_with_torchvision_to_one_grey_level(width: int, height: int) -> None:
    pixels = random_picture(width, height)
    ours, theirs = to_input(pixels), PUBLISHED(Image.fromarray(pixels))
    assert ours.dtype == torch.float32
    assert ours.shape == theirs.shape == (3, CROP, CROP)
    difference = grey_levels(ours) - grey_levels(theirs)
    assert difference.abs().max() < 1.01
    assert difference.mean().abs() < 0.05


def test_a_strip_needs_no_memory_for_what_is_not_seen() -> None:
    # Resized whole to a short side of 256 this would be 256 by 5,120,000 pixels, 3.9 GB.
    assert to_input(np.full((1, 20_000, 3), 128, np.uint8)).shape == (3, CROP, CROP)


@pytest.mark.parametrize(("width", "height"), [(320, 200), (200, 320), (61, 47), (500, 500)])
def test_seen_box_is_what_the_network_sees(width: int, height: int) -> None:
    left, top, right, bottom = seen_box(width, height)
    assert right - left == pytest.approx(CROP / RESIZE * min(width, height), rel=0.01)
    assert (left + right) / 2 == pytest.approx(width / 2, abs=1)
    assert (top + bottom) / 2 == pytest.approx(height / 2, abs=1)

    marked = np.zeros((height, width, 3), np.uint8)
    marked[round(top) : round(bottom), round(left) : round(right)] = 255
    seen = grey_levels(to_input(marked))
    assert seen[:, 3:-3, 3:-3].min() > 254
    outside = grey_levels(to_input(255 - marked))
    assert outside[:, 3:-3, 3:-3].max() < 1


def test_a_mark_is_found_where_the_box_says() -> None:
    width, height = 300, 400
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[120:124, 80:84] = 255
    left, top, right, bottom = seen_box(width, height)
    brightness = grey_levels(to_input(pixels)).mean(0)
    row, column = (index.item() for index in torch.unravel_index(brightness.argmax(), (224, 224)))
    assert left + (column + 0.5) * (right - left) / CROP == pytest.approx(82, abs=1.5)
    assert top + (row + 0.5) * (bottom - top) / CROP == pytest.approx(122, abs=1.5)


def test_a_batch_is_normalised_like_its_pictures() -> None:
    pictures = torch.randint(0, 256, (2, 3, 5, 5), dtype=torch.uint8)
    published = transforms.Normalize(MEAN, STD)(pictures / 255)
    torch.testing.assert_close(normalise(pictures), published)
