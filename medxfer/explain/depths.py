"""What a network makes of a picture on its way through: features at several depths, and logits."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import ResNet

from medxfer.config import Stage
from medxfer.models.prefix import Prefix

Vectors = NDArray[np.float32]
"""(n, d), one row a picture."""

_POOLING = 2
"""Steps of a whole prefix behind its last block: pooling and flattening."""
DEPTHS = (Stage.LAYER1, Stage.LAYER2, Stage.LAYER3, Stage.LAYER4)


@dataclass(frozen=True)
class Seen:
    """What was seen of n pictures: pooled `features` (n, channels) by stage, `logits` (n, k)."""

    features: dict[Stage, Vectors]
    logits: NDArray[np.float64]


class Depths:
    """A copy of a network that is asked at several depths at once, in float32.

    A copy, so that hooks, modes and gradients of the network itself are nobody's concern: it may
    be asked while a heatmap of the network is made.
    """

    def __init__(self, model: ResNet, device: torch.device | None = None) -> None:
        """The copy is made on `device`; None: where the network is."""
        steps = list(Prefix(model, Stage.HEAD, torch.float32).steps)[:-_POOLING]
        self._parts: dict[Stage, nn.Sequential] = {}
        for stage in reversed(DEPTHS):
            blocks = len(getattr(model, stage))
            self._parts[stage] = nn.Sequential(*steps[-blocks:])
            steps = steps[:-blocks]
        self._stem = nn.Sequential(*steps)
        self._head = copy.deepcopy(model.fc).eval().requires_grad_(False)
        self.device = device or next(model.parameters()).device
        for part in (self._stem, *self._parts.values(), self._head):
            part.to(self.device)

    def look(self, inputs: Tensor) -> Seen:
        """Ask about pictures (n, 3, 224, 224) as `to_input` gives them."""
        features = {}
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            flow = inputs.to(self.device, torch.float32)
            flow = self._stem(flow.contiguous(memory_format=torch.channels_last))
            for stage in DEPTHS:
                flow = self._parts[stage](flow)
                features[stage] = flow.mean((2, 3)).cpu().numpy()
            logits = self._head(flow.mean((2, 3))).double().cpu().numpy()
        return Seen(features, logits)
