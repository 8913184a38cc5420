"""Pretrained weights of a kind: a ResNet-18 that nobody trained, and files of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models import resnet18


@pytest.fixture(scope="session")
def resnet18_state() -> dict[str, Tensor]:
    """All entries of a seeded torchvision ResNet-18, its 1000-class head included."""
    torch.manual_seed(7)
    return dict(resnet18(weights=None).state_dict())


@pytest.fixture(scope="session")
def resnet18_file(
    resnet18_state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same, saved as torchvision saves its own."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet18_state, path)
    return path
