"""What training minimises, and what it does about classes of different size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from medxfer.config import Imbalance, TrainConfig


class FocalLoss(nn.Module):
    """Cross-entropy that counts well-classified images less: (1 - p)^gamma * CE.

    Softmax form of Lin et al. 2017 (Focal Loss for Dense Object Detection) without the alpha
    weights; `gamma` 0 is cross-entropy. With label smoothing the factor still uses the true class.
    """

    def __init__(self, gamma: float, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.gamma = gamma
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over the batch; `logits` (n, k), `target` (n,) class indices."""
        entropy = functional.cross_entropy(
            logits, target, reduction="none", label_smoothing=self.label_smoothing
        )
        certainty = logits.softmax(dim=1).gather(1, target[:, None]).squeeze(1)
        return ((1 - certainty) ** self.gamma * entropy).mean()


def class_weights(targets: Sequence[int], classes: int) -> Tensor:
    """(classes,) weights n / (k * n_class), so that every class counts the same in the sum.

    The "balanced" weights of scikit-learn; 0 for a class without images.
    """
    counts = torch.bincount(torch.tensor(targets), minlength=classes).float()
    weights = len(targets) / (classes * counts)
    return torch.where(counts > 0, weights, 0.0)


def build_loss(config: TrainConfig, targets: Sequence[int], classes: int) -> nn.Module:
    """The loss of a run; `targets` are the class indices of its training images."""
    if config.imbalance is Imbalance.FOCAL:
        return FocalLoss(config.focal_gamma, config.label_smoothing)
    weighted = config.imbalance is Imbalance.CLASS_WEIGHTS
    weight = class_weights(targets, classes) if weighted else None
    return nn.CrossEntropyLoss(weight=weight, label_smoothing=config.label_smoothing)
