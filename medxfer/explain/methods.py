"""The ways to make a class activation map, by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchcam.methods import GradCAM, GradCAMpp, LayerCAM, XGradCAM
from torchcam.methods.core import _CAM

from medxfer.registry import Registry

METHODS: Registry[type[_CAM]] = Registry("heatmap method")
"""Each is made with (model, layer) and, called with (class, logits), yields maps (1, h, w) >= 0."""

METHODS.register("gradcam")(GradCAM)
METHODS.register("layercam")(LayerCAM)
METHODS.register("xgradcam")(XGradCAM)


@METHODS.register("gradcam++")
class GradCAMPlusPlus(GradCAMpp):
    """Grad-CAM++ with the weights of its paper (Chattopadhay et al. 2018, equation 19).

    torchcam 0.5.0 divides a copy, made by indexing with a mask, so the division is lost; and its
    denominator sums the activation times the gradient where the paper sums the activation alone.
    """

    def _get_weights(
        self, class_idx: int | list[int], scores: Tensor, eps: float = 1e-8, **kwargs: Any
    ) -> list[Tensor]:
        self._backprop(scores, class_idx, **kwargs)
        return [
            _pixel_weights(activation, gradient)
            for activation, gradient in zip(self.hook_a, self.hook_g, strict=True)
            if activation is not None and gradient is not None
        ]


def _pixel_weights(activation: Tensor, gradient: Tensor) -> Tensor:
    """(n, c) weights of the channels from activations and gradients (n, c, h, w)."""
    total = activation.sum(dim=(2, 3), keepdim=True)
    denominator = 2 * gradient**2 + total * gradient**3
    alpha = torch.where(denominator != 0, gradient**2 / denominator, 0)
    return (alpha * gradient.relu()).sum(dim=(2, 3))
