"""Convolutions of one by one pixel as what they are: matrix products over the channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Pointwise(nn.Conv2d):
    """A 1 x 1 convolution that, in bfloat16 on a CPU, is computed as a matrix product.

    The same numbers up to rounding; channels-last memory makes it a change of view. oneDNN's own
    convolution is slower, most of all for the gradient of the weights where the stride is 2.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.device.type != "cpu" or inputs.dtype is not torch.bfloat16:
            return super().forward(inputs)
        down, across = self.stride
        pixels = inputs.permute(0, 2, 3, 1)[:, ::down, ::across]
        # Flat, since without gradients torch makes a batch of small products of four dimensions.
        n, height, width, channels = pixels.shape
        found = functional.linear(pixels.reshape(-1, channels), self.weight.flatten(1), self.bias)
        return found.view(n, height, width, -1).permute(0, 3, 1, 2)


def use_products(model: nn.Module) -> None:
    """Put a `Pointwise` of the same weights in the place of every 1 x 1 convolution."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Conv2d and _is_pointwise(child):
                made = nn.utils.skip_init(  # type: ignore[no-untyped-call]
                    Pointwise, child.in_channels, child.out_channels, 1,
                    stride=child.stride, bias=child.bias is not None, device="meta",
                )  # fmt: skip
                made.weight, made.bias = child.weight, child.bias
                setattr(module, name, made)


def _is_pointwise(layer: nn.Conv2d) -> bool:
    return (layer.kernel_size, layer.padding, layer.groups) == ((1, 1), (0, 0), 1)
