"""Asking a network about many altered views of a picture, for the checks of a heatmap."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import ResNet

from medxfer.config import Stage
from medxfer.errors import ExplainError
from medxfer.explain.holding import alone, full_precision
from medxfer.models.freezing import evaluating
from medxfer.models.prefix import Prefix

BATCH = 16
"""Views asked about at once; more gain nothing on a CPU."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """How likely class `target` is; with `against`, how much likelier than this other class."""

    target: int
    against: int | None = None

    def evidence(self, logits: Tensor) -> Tensor:
        """Log-odds (n,) of the answer yes, from logits (n, k).

        Its logistic is the softmax probability of the target, or that among the two classes.
        """
        if self.against is not None:
            return logits[:, self.target] - logits[:, self.against]
        others = torch.arange(logits.shape[1], device=logits.device) != self.target
        return logits[:, self.target] - logits[:, others].logsumexp(dim=1)


class Still:
    """A copy of a network that only answers: the network itself is not touched, nor waited for.

    It is in evaluation mode and float32; of a ResNet the batch norms are folded in, which changes
    answers by rounding only.
    """

    def __init__(self, model: nn.Module) -> None:
        with alone(model), evaluating(model), full_precision(model) as device:
            self._device = device
            self._answer: Callable[[Tensor], Tensor]
            if isinstance(model, ResNet):
                self._features = Prefix(model, Stage.HEAD, torch.float32)
                self._answer = nn.Sequential(self._features, copy.deepcopy(model.fc).eval())
            else:
                self._answer = copy.deepcopy(model)

    @torch.no_grad()
    def logits(self, views: Tensor) -> Tensor:
        """(n, k) of views (n, 3, 224, 224), normalised as the network wants them.

        Raises:
            ExplainError: an answer is not a finite number.
        """
        with torch.autocast(self._device.type, enabled=False):
            there = views.to(self._device).contiguous(memory_format=torch.channels_last)
            found = self._answer(there).double().cpu()
        if not found.isfinite().all():
            raise ExplainError(
                "The model gave no valid number for altered copies of this picture, so its "
                "heatmap cannot be checked.",
                "Its weights are damaged or training diverged; use another run.",
            )
        return found


def answers(
    still: Still, question: Question, views: Iterable[Tensor], count: int
) -> Generator[int, None, Floats]:
    """Log-odds (count,) of views (3, 224, 224), made and asked about a batch at a time.

    Yields how many were asked about since it last did.
    """
    found, batch = [], []
    for number, view in enumerate(views, start=1):
        batch.append(view)
        if len(batch) == BATCH or number == count:
            found.append(question.evidence(still.logits(torch.stack(batch))))
            yield len(batch)
            batch = []
    return np.asarray(torch.cat(found))
