"""Freezing: which stages of a ResNet learn, and holding it still while it is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from medxfer.config import Stage
from medxfer.models.resnet import stage_modules


def let_learn(model: ResNet, stages: Collection[Stage]) -> None:
    """Let these stages learn and hold all others still, batch-norm statistics included.

    Call it again after every `model.eval()` or `model.train()`: a batch norm in training mode
    moves its statistics whether or not its weights need a gradient.
    """
    model.train(bool(stages))
    for stage, modules in stage_modules(model).items():
        learns = stage in stages
        for module in modules:
            module.train(learns)
            module.requires_grad_(learns)
            if not learns:
                # A gradient left from an earlier phase would still move an optimiser's step.
                module.zero_grad(set_to_none=True)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module in evaluation mode and, whatever happens, each back in its own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def all_finite(model: nn.Module) -> bool:
    """Whether every weight that learns, and every statistic that moves, is a finite number."""
    moving: list[Tensor] = [weight for weight in model.parameters() if weight.requires_grad]
    for module in model.modules():
        if module.training:
            moving += module.buffers(recurse=False)
    # One answer for all of them, since each one asked for makes a GPU wait: a sum in double
    # precision is finite if and only if all its numbers are.
    sums = [weight.detach().sum(dtype=torch.float64) for weight in moving]
    return not sums or bool(torch.stack(sums).isfinite().all())
