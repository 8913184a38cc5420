"""From a picture to what the network sees: resize 256, centre crop 224, ImageNet normalisation.

The resized picture is never made whole: only the part behind the crop is resampled, so a strip
of 1 by 5000 pixels costs no more than a square. The values are those of torchvision's
Resize, CenterCrop, ToTensor, Normalize on a PIL image.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, on a scale of 0 to 1."""

RESIZE = 256
CROP = 224


def seen_box(width: int, height: int) -> tuple[float, float, float, float]:
    """The part of a picture the network sees: left, top, right, bottom in its own pixels."""
    short = min(width, height)
    # Whole pixels, rounded as torchvision does: the two axes may scale a little differently.
    resized_width = RESIZE * width // short
    resized_height = RESIZE * height // short
    left = round((resized_width - CROP) / 2)
    top = round((resized_height - CROP) / 2)
    across, down = width / resized_width, height / resized_height
    return left * across, top * down, (left + CROP) * across, (top + CROP) * down


def to_input(pixels: NDArray[np.uint8]) -> Tensor:
    """The network's view of one picture.

    Takes (height, width, 3), 0 to 255, any size from 1 by 1; gives float32 (3, 224, 224),
    normalised.
    """
    height, width, _ = pixels.shape
    resized = Image.fromarray(pixels).resize(
        (CROP, CROP), Image.Resampling.BILINEAR, box=seen_box(width, height)
    )
    return normalise(torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous())


def normalise(images: Tensor) -> Tensor:
    """uint8 (…, 3, height, width), 0 to 255, as float32 with ImageNet's mean and spread removed."""
    mean = torch.tensor(MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(STD, device=images.device).view(3, 1, 1)
    return (images.float() / 255 - mean) / std
