"""The ways to make a class activation map, by name.

Of torchcam 0.5.0 these are left out: `CAM`, which needs a linear head and is Grad-CAM at the last
stage then; `SSCAM`, 35 times as slow as Score-CAM; `ISCAM`, 10 times as slow, and its weights run
to 5.5 where the paper integrates from 0 to 1; `FinerCAM`, which is the difference of two classes
that every method here can show; `RefineCAM`, whose product over several stages has no strength of
its own; `LeGrad`, for transformers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchcam.methods import GradCAM, GradCAMpp, LayerCAM, ScoreCAM, SmoothGradCAMpp, XGradCAM
from torchcam.methods.core import _CAM

from medxfer.registry import Registry

METHODS: Registry[type[_CAM]] = Registry("heatmap method")
"""Each is made with (model, layer) and, called with scores and `targets`, yields maps (1, h, w)
>= 0; `targets` makes one number of the logits (k,) of a picture."""

SLOW = frozenset({"scorecam", "smoothgradcam++"})
"""Methods that ask the network again many times: seconds a map, where others take one pass."""

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
            _pixel_weights(activation, gradient, gradient**2, gradient**3)
            for activation, gradient in zip(self.hook_a, self.hook_g, strict=True)
            if activation is not None and gradient is not None
        ]


@METHODS.register("smoothgradcam++")
class SmoothGradCAMPlusPlus(SmoothGradCAMpp):
    """Grad-CAM++ of derivatives averaged over noisy copies of the picture (Omeiza et al. 2019).

    The noise is the same at every call and takes nothing from the random state of the program;
    its standard deviation is 0.3 in units of the network's input. The numerator of the weights is
    the second derivative as in Grad-CAM++, where the paper prints the first. torchcam 0.5.0 takes
    gradient and activation of the last copy alone.
    """

    NOISES = 4
    SPREAD = 0.3

    def __init__(self, model: nn.Module, layer: nn.Module) -> None:
        super().__init__(model, layer)

    def _get_weights(
        self, class_idx: int | list[int], _: Tensor | None = None, eps: float = 1e-8,
        **kwargs: Any,
    ) -> list[Tensor]:  # fmt: skip
        (activation,) = self.hook_a
        if activation is None:
            raise TypeError("the picture has not passed the network yet")
        picture, powers = self._input, [torch.zeros_like(activation) for _ in range(3)]
        for noise in noises(picture):
            self._backprop(self.model((picture + noise).requires_grad_()), class_idx, **kwargs)
            (gradient,) = self.hook_g
            if gradient is None:
                raise TypeError("the network gave no gradient")
            for number, power in enumerate(powers, start=1):
                power += gradient**number / self.NOISES
        # The copies went through the hooks too; the map is of the picture itself.
        self.hook_a = [activation]
        return [_pixel_weights(activation, *powers)]


def noises(picture: Tensor) -> list[Tensor]:
    """What Smooth Grad-CAM++ adds to a picture, the same for every picture of that shape."""
    generator = torch.Generator().manual_seed(0)
    drawn = [
        torch.randn(picture.shape, generator=generator) for _ in range(SmoothGradCAMPlusPlus.NOISES)
    ]
    return [SmoothGradCAMPlusPlus.SPREAD * noise.to(picture.device) for noise in drawn]


@METHODS.register("scorecam")
class FewChannelScoreCAM(ScoreCAM):
    """Score-CAM (Wang et al. 2020, algorithm 1) of the channels that vary most over the picture.

    Each channel asks for one more pass through the network, and the last stage of a ResNet-50 has
    2,048 of them. The `CHANNELS` with the greatest variance make up the map; the rest count as
    absent, in the softmax too. A stage with no more channels than that is done in full.
    """

    CHANNELS = 64

    def __init__(self, model: nn.Module, layer: nn.Module) -> None:
        super().__init__(model, layer, batch_size=16)

    @torch.no_grad()
    def _get_weights(
        self, class_idx: int | list[int] | None, *_: Any, targets: Any = None
    ) -> list[Tensor]:
        (activation,) = self.hook_a
        if activation is None:
            raise TypeError("the picture has not passed the network yet")
        chosen = activation[0].flatten(1).var(dim=1).topk(min(self.CHANNELS, activation.shape[1]))
        some = activation[:, chosen.indices]
        # Enlarged before they are scaled, as in the paper; torchcam scales the cells.
        masks = self._normalize(self._upsample(some), some.ndim - 2)
        with self._hooks_off(), self._eval_mode():
            (found,) = self._get_score_weights([masks], class_idx, targets)
        weights = activation.new_zeros(activation.shape[:2])
        weights[:, chosen.indices] = found
        return [weights]


def _pixel_weights(activation: Tensor, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """(n, c) weights of the channels, from activations and powers of gradients (n, c, h, w)."""
    total = activation.sum(dim=(2, 3), keepdim=True)
    denominator = 2 * second + total * third
    alpha = torch.where(denominator != 0, second / denominator, 0)
    return (alpha * first.relu()).sum(dim=(2, 3))
