"""What a ResNet costs: counted on torch's meta device, without memory or arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.models.preprocessing import CROP
from medxfer.models.resnet import build, parameters_by_stage, stage_of

_FLOAT = 4
_INDEX = 8
_LEARNING_COPIES = 3
"""Beside each learning weight: its gradient and AdamW's two moments."""
TRAINING_PASSES = 3
"""A forward pass, the gradient of the input and the gradient of the weights cost about the same."""

WHEN: Mapping[Depth, str] = {
    Depth.RESNET18: "First tries, a few hundred pictures, or no GPU: the fastest, and the "
    "least likely to overfit.",
    Depth.RESNET34: "A little more capacity than ResNet-18 at twice its time.",
    Depth.RESNET50: "The usual choice with a GPU and a thousand pictures or more; most published "
    "medical weights are of this depth.",
    Depth.RESNET101: "Many thousand pictures and fine detail; compare with ResNet-50 before "
    "paying twice its time.",
    Depth.RESNET152: "Tens of thousands of pictures and time to wait; seldom better on small sets.",
}
"""When to prefer which depth, in plain words."""


@dataclass(frozen=True)
class Cost:
    """What one ResNet with its head costs.

    `layers` is counted as in the paper: weighted layers on the main path, the head as one.
    Operations are multiply-adds for one picture of 224 by 224; activation bytes are what
    learning in float32 keeps of one picture between the forward and the backward pass.
    """

    depth: Depth
    layers: int
    parameters: int
    by_stage: Mapping[Stage, int]
    operations: int
    operations_by_stage: Mapping[Stage, int]
    values_before: Mapping[Stage, int]
    """Numbers of one picture that a stage takes; those of the head are pooled."""
    activation_bytes_by_stage: Mapping[Stage, int]
    largest_activation_bytes: int


@dataclass(frozen=True)
class Throughput:
    """Multiply-adds a second on one device.

    `training` counts three multiply-adds for each of the forward pass: its own, and those of the
    two gradients.
    """

    forward: float
    training: float


@dataclass(frozen=True)
class Estimate:
    """Seconds of arithmetic and bytes of memory a run would need here, roughly."""

    seconds: float
    memory_bytes: int


@lru_cache(maxsize=64)
def cost(depth: Depth, head: HeadConfig, classes: int) -> Cost:
    """What this ResNet with this head costs."""
    with torch.device("meta"):
        model = build(depth, classes, head).eval()
        picture = torch.empty(1, 3, CROP, CROP)
    passed: list[tuple[str, nn.Module, Tensor]] = []
    for name, module in model.named_modules():
        if not any(module.children()):
            module.register_forward_hook(
                lambda module, _, output, name=name: passed.append((name, module, output))
            )
    model(picture)

    operations = dict.fromkeys(Stage, 0)
    activations = dict.fromkeys(Stage, 0)
    for name, module, output in passed:
        operations[stage_of(name)] += _operations(module, output)
        activations[stage_of(name)] += _kept_bytes(module, output)
    last = {stage_of(name): output.numel() for name, _, output in passed}
    stages = tuple(Stage)
    values_before = {Stage.STEM: picture.numel()}
    values_before |= {stage: last[before] for before, stage in pairwise(stages)}
    values_before[Stage.HEAD] = next(
        output.numel() for name, _, output in passed if stage_of(name) is Stage.HEAD
    )
    by_stage = parameters_by_stage(model)
    return Cost(
        depth=depth,
        layers=1 + sum(_is_on_main_path(*named) for named in model.named_modules()),
        parameters=sum(by_stage.values()),
        by_stage=by_stage,
        operations=sum(operations.values()),
        operations_by_stage=operations,
        values_before=values_before,
        activation_bytes_by_stage=activations,
        largest_activation_bytes=max(output.numel() for _, _, output in passed) * _FLOAT,
    )


def all_costs(classes: int, head: HeadConfig) -> tuple[Cost, ...]:
    """The cost of every depth, shallow first."""
    return tuple(cost(depth, head, classes) for depth in Depth)


def estimate(
    cost: Cost,
    learning: Collection[Stage],
    images: int,
    batch: int,
    epochs: int,
    throughput: Throughput,
    validation_images: int = 0,
    views: int = 0,
) -> Estimate:
    """What training these stages would take, in float32 and without reading the pictures.

    Stages before the first learning one are only run forward: once for each of the `views` that
    are kept of an image, or in every epoch if none are; for validation once. From there on every
    activation of a batch is kept. `images` and `validation_images` are those of one epoch.
    """
    stages = tuple(Stage)
    first = min((stages.index(stage) for stage in learning), default=len(stages))
    frozen, moving = stages[:first], stages[first:]

    fixed = sum(cost.operations_by_stage[stage] for stage in frozen)
    moved = sum(cost.operations_by_stage[stage] for stage in moving)
    forward = fixed * (images * (views or epochs) + validation_images)
    forward += moved * epochs * validation_images
    training = moved * epochs * images * TRAINING_PASSES
    seconds = forward / throughput.forward + training / throughput.training

    weights = cost.parameters + _LEARNING_COPIES * sum(cost.by_stage[stage] for stage in learning)
    kept = sum(cost.activation_bytes_by_stage[stage] for stage in moving)
    # While a layer runs: its input, its output, and what goes round it by the shortcut.
    passing = 3 * cost.largest_activation_bytes + 3 * CROP * CROP * _FLOAT
    return Estimate(seconds, weights * _FLOAT + batch * (kept + passing))


def _operations(module: nn.Module, output: Tensor) -> int:
    if isinstance(module, nn.Conv2d):
        return output.numel() * module.weight[0].numel()
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    return 0


def _kept_bytes(module: nn.Module, output: Tensor) -> int:
    """Bytes of the output that the backward pass needs and no other layer counts."""
    if isinstance(module, nn.ReLU) and module.inplace:
        return 0
    each = _FLOAT + _INDEX if isinstance(module, nn.MaxPool2d) else _FLOAT
    return output.numel() * each


def _is_on_main_path(name: str, module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and "downsample" not in name
