"""Views: how the network sees stored pictures. One affine map and one step of light a picture.

Crop, scale, mirror and rotation are one affine map, so a whole batch is one `grid_sample`, each
picture with its own parameters, on whatever device the pictures are on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from medxfer.models.preprocessing import CROP, MEAN, STD, seen_box

_GREY = (0.2989, 0.587, 0.114)
"""Red, green and blue in the luminance of ITU-R BT.601, as torchvision has it."""
_WHITE = 255.0


@dataclass(frozen=True)
class Views:
    """One view a picture; every tensor has a row for each.

    `box` is the crop (left, top, right, bottom) in pixels of the stored picture, inside it. The
    crop is mirrored, turned by `angle` (radians, counter-clockwise, corners that come in from
    outside are black) and scaled to the network's size. Then brightness and contrast are
    multiplied by their factors, contrast about the mean grey, in the order that `contrast_first`
    says.
    """

    box: Tensor
    mirrored: Tensor
    angle: Tensor
    brightness: Tensor
    contrast: Tensor
    contrast_first: Tensor
    plain: bool = False
    """Nothing is turned and no light is changed: the steps that would do it are left out."""

    def __len__(self) -> int:
        return len(self.box)

    def __getitem__(self, rows: Tensor) -> Self:
        return self._each(lambda values: values[rows])

    def to(self, device: torch.device) -> Self:
        """The same views on another device."""
        return self._each(lambda values: values.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        tensors = {
            field.name: change(getattr(self, field.name))
            for field in fields(self)
            if field.name != "plain"
        }
        return replace(self, **tensors)  # type: ignore[arg-type]


def evaluation_views(sizes: NDArray[np.int64]) -> Views:
    """The view a picture is judged by: `to_input` of the stored picture; `sizes` (n, 2) are its
    height and width."""
    boxes = [seen_box(width, height) for height, width in sizes.tolist()]
    n = len(boxes)
    return Views(
        box=torch.tensor(boxes, dtype=torch.float32).view(n, 4),
        mirrored=torch.zeros(n, dtype=torch.bool),
        angle=torch.zeros(n),
        brightness=torch.ones(n),
        contrast=torch.ones(n),
        contrast_first=torch.zeros(n, dtype=torch.bool),
        plain=True,
    )


def render(pixels: Tensor, views: Views, dtype: torch.dtype) -> Tensor:
    """What the network sees: (n, 3, 224, 224), normalised, channels-last, of `dtype`.

    `pixels` is uint8 (n, 1 or 3, height, width) with each picture in the upper left corner, its
    edge repeated once beside it; views are on the same device.
    """
    seen = _sampled(pixels, views)
    if not views.plain:
        seen = _lit(seen, views)
    scale = torch.tensor([1 / std for std in STD], device=seen.device)
    shift = torch.tensor([-m / std for m, std in zip(MEAN, STD, strict=True)], device=seen.device)
    inputs = torch.addcmul(shift, seen.permute(0, 2, 3, 1), scale).to(dtype)
    return inputs.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _sampled(pixels: Tensor, views: Views) -> Tensor:
    """The crops, mirrored, turned and scaled: float32 (n, channels, 224, 224), 0 to 1."""
    n, _, high, wide = pixels.shape
    # Centres of the output's pixels, -1 to 1 across the crop.
    across = (torch.arange(CROP, device=pixels.device) * 2 + 1) / CROP - 1
    cosine, sine = views.angle.cos(), views.angle.sin()
    left, top, right, bottom = views.box.unbind(1)
    half_width, half_height = (right - left) / wide, (bottom - top) / high
    half_width = torch.where(views.mirrored, -half_width, half_width)
    # Turned back, mirrored back, then moved into the crop: -1 to 1 across the array.
    to_picture = torch.stack(
        (
            torch.stack((half_width * cosine, -half_width * sine, (left + right) / wide - 1), 1),
            torch.stack((half_height * sine, half_height * cosine, (top + bottom) / high - 1), 1),
        ),
        dim=2,
    )
    points = torch.stack(
        (
            across.expand(CROP, CROP),
            across.view(CROP, 1).expand(CROP, CROP),
            across.new_ones(CROP, CROP),
        ),
        dim=-1,
    )
    grid = torch.matmul(points.view(1, CROP * CROP, 3), to_picture).view(n, CROP, CROP, 2)
    seen = functional.grid_sample(
        pixels.float(), grid, padding_mode="border", align_corners=False
    ).mul_(1 / _WHITE)
    if not views.plain:
        cosine, sine = cosine.view(n, 1, 1), sine.view(n, 1, 1)
        x = torch.sub(cosine * across, sine * across.view(CROP, 1)).abs_()
        y = torch.add(sine * across, cosine * across.view(CROP, 1)).abs_()
        seen.mul_(torch.maximum(x, y, out=x).le_(1).unsqueeze(1))
    return seen


def _lit(seen: Tensor, views: Views) -> Tensor:
    """Brightness and contrast, as torchvision's ColorJitter composes them."""
    n, channels, _, _ = seen.shape
    weights = torch.tensor(_GREY if channels > 1 else (1.0,), device=seen.device)
    for contrast_now in (views.contrast_first, ~views.contrast_first):
        mean = (seen.mean((2, 3)) * weights).sum(1)
        pivot = torch.where(contrast_now, mean, 0.0).view(n, 1, 1, 1)
        factor = torch.where(contrast_now, views.contrast, views.brightness).view(n, 1, 1, 1)
        seen = torch.lerp(pivot, seen, factor).clamp_(0, 1)
    return seen
