"""Cutting a ResNet where it begins to learn: a fixed prefix made for speed, and what follows."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock, Bottleneck

from medxfer.config import Stage
from medxfer.models.preprocessing import CROP
from medxfer.models.resnet import stage_modules

Block: TypeAlias = BasicBlock | Bottleneck


class Prefix(nn.Module):
    """The stages before `first`, frozen: (n, 3, 224, 224) to the features that `first` takes.

    A copy, so that what the network learns later does not move it. Batch norm is folded into the
    convolutions (exact in evaluation mode, up to rounding), weights and arithmetic are of `dtype`,
    memory is channels-last. In front of the head the features are pooled: (n, channels).
    """

    def __init__(self, model: ResNet, first: Stage, dtype: torch.dtype) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        stages = stage_modules(model)
        for stage in tuple(Stage)[: tuple(Stage).index(first)]:
            if stage is Stage.STEM:
                parts += [_Convolution(model.conv1, model.bn1), copy.deepcopy(model.maxpool)]
            else:
                parts += [_Residual(block) for layer in stages[stage] for block in _blocks(layer)]
        if first is Stage.HEAD:
            parts += [copy.deepcopy(model.avgpool), nn.Flatten()]
        self.steps = nn.Sequential(*parts)
        self.dtype = dtype
        self.requires_grad_(False)
        self.eval()
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.steps(inputs)
        return features

    def shape(self) -> tuple[int, ...]:
        """Of the features of one picture: (channels, height, width), or (channels,)."""
        device = next(self.parameters()).device
        blank = torch.zeros(1, 3, CROP, CROP, dtype=self.dtype, device=device)
        return tuple(self(blank.contiguous(memory_format=torch.channels_last)).shape[1:])


def suffix(model: ResNet, first: Stage) -> nn.Sequential:
    """The rest of the network, from `first` on: its own modules, not a copy, modes untouched."""
    stages = stage_modules(model)
    if first is Stage.HEAD:
        return nn.Sequential(model.fc)
    parts = [module for stage in first.onwards[:-1] for module in stages[stage]]
    return nn.Sequential(*parts, model.avgpool, nn.Flatten(), model.fc)


class _Convolution(nn.Module):
    """A convolution with its batch norm folded in, then ReLU if `relu`, in one step if it can.

    On a CPU oneDNN adds the shortcut and takes the ReLU while the result is still in the
    processor's cache: the operations torch's own compiler puts there, without its minute of
    compiling. Elsewhere the steps follow one another.
    """

    def __init__(self, convolution: nn.Conv2d, norm: nn.Module, *, relu: bool = True) -> None:
        super().__init__()
        self.convolution = fuse_conv_bn_eval(*_in_evaluation(convolution, norm))
        self.relu = relu

    def forward(self, inputs: Tensor, shortcut: Tensor | None = None) -> Tensor:
        if _has_fused(inputs):
            return self._fused(inputs, shortcut)
        result: Tensor = self.convolution(inputs)
        if shortcut is not None:
            result += shortcut
        return functional.relu_(result) if self.relu else result

    def _fused(self, inputs: Tensor, shortcut: Tensor | None) -> Tensor:
        layer = self.convolution
        shape = (layer.padding, layer.stride, layer.dilation, layer.groups)
        fused = torch.ops.mkldnn._convolution_pointwise
        after = "relu" if self.relu else "none"
        result: Tensor
        if shortcut is None:
            result = fused(inputs, layer.weight, layer.bias, *shape, after, [], "")
        else:
            result = fused.binary(
                inputs, shortcut, layer.weight, layer.bias, *shape, "add", 1.0, after, [], ""
            )
        return result


class _Residual(nn.Module):
    """A residual block (He et al. 2016, figure 5) of folded convolutions."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        depth = 3 if isinstance(block, Bottleneck) else 2
        self.path = nn.ModuleList(
            _Convolution(getattr(block, f"conv{i}"), getattr(block, f"bn{i}"))
            for i in range(1, depth + 1)
        )
        self.shortcut = (
            None
            if block.downsample is None
            else _Convolution(block.downsample[0], block.downsample[1], relu=False)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        past = inputs if self.shortcut is None else self.shortcut(inputs)
        *first, last = self.path
        for convolution in first:
            inputs = convolution(inputs)
        result: Tensor = last(inputs, past)
        return result


def _blocks(layer: nn.Module) -> Iterator[Block]:
    for block in layer.children():
        if not isinstance(block, BasicBlock | Bottleneck):
            raise TypeError(f"{type(block).__name__} is no block of a ResNet")
        yield block


def _in_evaluation(convolution: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """Copies in evaluation mode, as folding asks for."""
    if not isinstance(norm, nn.BatchNorm2d):
        raise TypeError(f"{type(norm).__name__} is no batch norm")
    return copy.deepcopy(convolution).eval(), copy.deepcopy(norm).eval()


def _has_fused(inputs: Tensor) -> bool:
    """Whether oneDNN can take it: on a CPU, in bfloat16 only with the instructions for that."""
    if inputs.dtype is torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    available: Any = torch.backends.mkldnn.is_available
    return inputs.device.type == "cpu" and bool(available())
