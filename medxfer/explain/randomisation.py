"""Does a heatmap change when the weights are destroyed? (Adebayo et al. 2018)

The stages are given random weights one after the other, from the head on towards the picture. A
way of making heatmaps whose maps stay the same shows the picture, not what was learnt.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models import ResNet

from medxfer.config import Stage
from medxfer.evaluation.estimate import Estimate
from medxfer.explain.altered import Floats
from medxfer.explain.faithfulness import Pixels, Step
from medxfer.explain.heatmap import explain
from medxfer.explain.holding import alone
from medxfer.explain.occlusion import agreement
from medxfer.explain.placing import Heat, in_view
from medxfer.explain.pointing import mean_of_patients
from medxfer.models.resnet import stage_modules

CASCADE = tuple(reversed(Stage))
"""From the head to the stem."""

ALIKE = 0.5
"""Rank correlation; maps of wholly random weights must be less like the real ones than that."""

_SIDE = 56
"""Cells a side in which maps are compared: as fine as the finest stage."""

Mapping = Callable[[nn.Module, Pixels], Heat]
"""The heatmap (H, W) of a picture (H, W, 3) by a network."""


@dataclass(frozen=True, eq=False)
class Randomisation:
    """How like the real maps those of ever more random networks are.

    `likeness` is (stages, pictures), Spearman's rank correlation, -1 to 1: in row i all stages of
    `CASCADE` up to the i-th have random weights.
    """

    likeness: Floats

    @property
    def means(self) -> tuple[Estimate, ...]:
        """The mean over the pictures with its 95 % interval, a stage each."""
        pictures = np.arange(self.likeness.shape[1])
        return tuple(mean_of_patients(row, pictures, low=-1.0) for row in self.likeness)

    @property
    def depends_on_weights(self) -> bool:
        """Whether the maps of a wholly random network are surely less than half alike."""
        last = self.means[-1]
        return last.high is not None and last.high < ALIKE


def randomisation(
    model: ResNet, pictures: Sequence[Pixels], mapping: Mapping, seed: int = 0
) -> Generator[Step, None, Randomisation]:
    """Compare the maps of these pictures, one a patient, as stage after stage becomes random.

    The network itself is not touched: a copy is destroyed. Yields how far it is, in maps.

    Raises:
        ExplainError: as `mapping` does.
    """
    generator = torch.Generator().manual_seed(seed)
    total = (1 + len(CASCADE)) * len(pictures)
    real: list[Heat] = []
    for picture in pictures:
        real.append(in_view(mapping(model, picture), _SIDE))
        yield Step(len(real), total)
    with alone(model):
        destroyed = copy.deepcopy(model)
    rows: list[list[float]] = []
    for stage in CASCADE:
        for module in stage_modules(destroyed)[stage]:
            _forget(module, generator)
        row: list[float] = []
        for picture, map_of in zip(pictures, real, strict=True):
            other = in_view(mapping(destroyed, picture), _SIDE)
            row.append(agreement(map_of.astype(np.float64), other.astype(np.float64)))
            yield Step(len(real) * (len(rows) + 1) + len(row), total)
        rows.append(row)
    return Randomisation(np.array(rows))


def of_method(
    classes: Sequence[str], target: int, method: str = "gradcam", stage: Stage = Stage.LAYER4
) -> Mapping:
    """The heatmaps of `explain` of one class, whatever class the destroyed network predicts."""
    return partial(_heatmap, classes=classes, target=target, method=method, stage=stage)


def _heatmap(
    model: nn.Module, pixels: Pixels, classes: Sequence[str], target: int, method: str, stage: Stage
) -> NDArray[np.float32]:
    return explain(
        model, pixels, classes, target=target, method=method, stage=stage
    ).heatmap  # fmt: skip


@torch.no_grad()
def _forget(module: nn.Module, generator: torch.Generator) -> None:
    """Weights as before any training (He et al. 2015), batch norms that change nothing."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan = layer.weight.shape[0] * layer.weight[0, 0].numel()
            drawn = torch.randn(layer.weight.shape, generator=generator) * (2 / fan) ** 0.5
            layer.weight.copy_(drawn)
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, _BatchNorm):
            layer.reset_parameters()
