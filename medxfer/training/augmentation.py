"""How training pictures are varied: presets over torchvision's transforms."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from medxfer.config import Preset
from medxfer.models.preprocessing import CROP, MEAN, STD

PRESET_WORDS = {
    Preset.RADIOGRAPH: "Mild: crops of 80 to 100 % of the picture, 7° rotation, brightness and "
    "contrast. No mirroring, since left and right matter in a chest.",
    Preset.ARTICLE: "Strong: crops of 8 to 100 % of the picture, mirroring, 10° rotation, "
    "brightness and contrast 20 %.",
}


def augmentation(preset: Preset) -> v2.Transform:
    """A transform from uint8 (3, H, W) to a normalised float32 (3, 224, 224), random per call.

    It draws from torch's global generator; seed that for a repeatable picture.
    """
    match preset:
        case Preset.ARTICLE:
            crop = v2.RandomResizedCrop(CROP, antialias=True)
            spatial: list[v2.Transform] = [crop, v2.RandomHorizontalFlip(), _rotation(10)]
        case Preset.RADIOGRAPH:
            crop = v2.RandomResizedCrop(CROP, scale=(0.8, 1.0), ratio=(0.9, 1.1), antialias=True)
            spatial = [crop, _rotation(7)]
        case _:
            assert_never(preset)
    jitter = v2.ColorJitter(brightness=0.2, contrast=0.2)
    to_float = v2.ToDtype(torch.float32, scale=True)
    return v2.Compose([*spatial, jitter, to_float, v2.Normalize(MEAN, STD)])


def augment(transform: v2.Transform, picture: Tensor, seed: int) -> Tensor:
    """The picture varied by draws from `seed` alone; the CPU's generator is put back."""
    with torch.random.fork_rng(devices=[]):
        # not torch.manual_seed, which would also set the generator of every GPU
        torch.default_generator.manual_seed(seed)
        varied: Tensor = transform(picture)
    return varied


def _rotation(degrees: float) -> v2.Transform:
    return v2.RandomRotation(degrees, interpolation=InterpolationMode.BILINEAR)
