"""ResNets by depth and the stages where they may be cut (He et al. 2016)."""

from __future__ import annotations

import torchvision
from torch import nn
from torchvision.models import ResNet

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.models.heads import build_head
from medxfer.models.products import use_products

HEAD_PREFIX = "fc."
"""Where the head stands among torchvision's names; everything else is the backbone."""

_STAGE_BY_MODULE = {
    "conv1": Stage.STEM,
    "bn1": Stage.STEM,
    "relu": Stage.STEM,
    "maxpool": Stage.STEM,
    "layer1": Stage.LAYER1,
    "layer2": Stage.LAYER2,
    "layer3": Stage.LAYER3,
    "layer4": Stage.LAYER4,
    "avgpool": Stage.HEAD,
    "fc": Stage.HEAD,
}


def build(depth: Depth, classes: int, head: HeadConfig) -> ResNet:
    """A ResNet with random weights and the chosen head, under torchvision's names.

    It takes (n, 3, height, width) and gives logits (n, classes).
    """
    model = torchvision.models.get_model(f"resnet{int(depth)}", weights=None)
    use_products(model)
    model.fc = build_head(model.fc.in_features, classes, head)
    return model


def stage_of(name: str) -> Stage:
    """The stage a parameter, buffer or module belongs to, by its torchvision name."""
    return _STAGE_BY_MODULE[name.partition(".")[0]]


def stage_modules(model: ResNet) -> dict[Stage, tuple[nn.Module, ...]]:
    """The modules of each stage in the order the picture passes them."""
    modules: dict[Stage, list[nn.Module]] = {stage: [] for stage in Stage}
    for name, module in model.named_children():
        modules[stage_of(name)].append(module)
    return {stage: tuple(found) for stage, found in modules.items()}


def parameters_by_stage(model: ResNet) -> dict[Stage, int]:
    """How many weights each stage has, learning or not."""
    counts = dict.fromkeys(Stage, 0)
    for name, parameter in model.named_parameters():
        counts[stage_of(name)] += parameter.numel()
    return counts
