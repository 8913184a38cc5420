"""Convolutions whose learning a CPU with bfloat16 does faster as matrix products.

The same numbers up to rounding; elsewhere, and in float32, they are torch's own convolutions.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_MANY = 512
"""Channels from which oneDNN's weight gradient of a 3 x 3 convolution is slower than a product."""


class Pointwise(nn.Conv2d):
    """A 1 x 1 convolution, computed as the product over the channels that it is.

    Channels-last memory makes it a change of view. oneDNN's own is slower, most of all for the
    gradient of the weights where the stride is 2.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        if not _gains(inputs):
            return super().forward(inputs)
        down, across = self.stride
        pixels = inputs.permute(0, 2, 3, 1)[:, ::down, ::across]
        # Flat, since without gradients torch makes a batch of small products of four dimensions.
        n, height, width, channels = pixels.shape
        found = functional.linear(pixels.reshape(-1, channels), self.weight.flatten(1), self.bias)
        return found.view(n, height, width, -1).permute(0, 3, 1, 2)


class Wide(nn.Conv2d):
    """A 3 x 3 convolution of many channels; the gradient of its weights is a matrix product.

    The neighbourhoods of all pixels are laid out as columns (im2col: Chellapilla et al., 2006),
    for a small picture of many channels a cheap copy.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        if not (_gains(inputs) and torch.is_grad_enabled() and self.weight.requires_grad):
            return super().forward(inputs)
        result: Tensor = _ByColumns.apply(inputs, self.weight.to(inputs.dtype), self.stride)
        return result


class _ByColumns(torch.autograd.Function):
    """torch's 3 x 3 convolution with padding 1 but for the gradient of its weights."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, stride: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.stride = stride
        return functional.conv2d(inputs, weight, None, stride, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:
        inputs, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        towards_inputs: Tensor | None = None
        if ctx.needs_input_grad[0]:
            towards_inputs = torch.ops.aten.convolution_backward(
                gradient, inputs, weight, None, ctx.stride, (1, 1), (1, 1), False, (0, 0), 1,
                (True, False, False),
            )[0]  # fmt: skip
        n, channels, height, width = gradient.shape
        columns = _columns(inputs, ctx.stride, (n, height, width))
        product = gradient.permute(0, 2, 3, 1).reshape(-1, channels).t() @ columns
        towards_weights = product.view(channels, 3, 3, -1).permute(0, 3, 1, 2)
        return towards_inputs, towards_weights, None


def _columns(inputs: Tensor, stride: tuple[int, int], outputs: tuple[int, int, int]) -> Tensor:
    """The 3 x 3 neighbourhood of every output pixel: (pixels, 9 c), zero beyond the border."""
    padded = functional.pad(inputs.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    each, row, pixel, one = padded.stride()
    channels = padded.shape[3]
    windows = padded.as_strided(
        (*outputs, 3, 3, channels), (each, row * stride[0], pixel * stride[1], row, pixel, one)
    )
    return windows.reshape(-1, 9 * channels)


def use_products(model: nn.Module) -> None:
    """Put a `Pointwise` or `Wide` of the same weights in the place of each such convolution."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            kind = _kind(child)
            if kind:
                setattr(module, name, _in_place_of(cast(nn.Conv2d, child), kind))


def _kind(layer: nn.Module) -> type[Pointwise | Wide] | None:
    if type(layer) is not nn.Conv2d or layer.groups != 1 or layer.dilation != (1, 1):
        return None
    if (layer.kernel_size, layer.padding) == ((1, 1), (0, 0)):
        return Pointwise
    wide = layer.out_channels >= _MANY and layer.bias is None
    return Wide if wide and (layer.kernel_size, layer.padding) == ((3, 3), (1, 1)) else None


def _in_place_of(layer: nn.Conv2d, kind: type[Pointwise | Wide]) -> nn.Conv2d:
    made = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        kind, layer.in_channels, layer.out_channels, layer.kernel_size, stride=layer.stride,
        padding=layer.padding, bias=layer.bias is not None, device="meta",
    )  # fmt: skip
    made.weight, made.bias = layer.weight, layer.bias
    return cast(nn.Conv2d, made)


def _gains(inputs: Tensor) -> bool:
    return inputs.device.type == "cpu" and inputs.dtype is torch.bfloat16
