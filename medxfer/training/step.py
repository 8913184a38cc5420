"""One step of learning, in halves once the device's memory has proved too small."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from medxfer.machine import Machine

_FEWEST = 4
"""Images of a batch that can still be halved: batch norm needs two of each half."""


class Step:
    """Takes batches, one step of the optimiser each.

    A batch that the device's memory cannot hold is taken in two halves whose gradients are added
    (the same gradient, but for batch norm, which then sees half as many images at a time), and so
    are all that follow. `halved` tells that it has come to that.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        optimiser: Optimizer,
        machine: Machine,
        *,
        halved: bool = False,
    ) -> None:
        self._network = network
        self._loss = loss
        self._optimiser = optimiser
        self._machine = machine
        self.halved = halved

    def __call__(self, inputs: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Learn from a batch; its logits (b, k) before the step, and its loss.

        Raises:
            torch.OutOfMemoryError: half a batch is too large as well.
        """
        if self.halved:
            return self._learn(inputs, truth, 2)
        try:
            return self._learn(inputs, truth, 1)
        except torch.OutOfMemoryError:
            if len(truth) < _FEWEST:
                raise
            self.halved = True
        # Outside the handler, which would keep the failed pass alive.
        self._optimiser.zero_grad()
        if self._machine.device.type == "cuda":
            torch.cuda.empty_cache()
        return self._learn(inputs, truth, 2)

    def _learn(self, inputs: Tensor, truth: Tensor, parts: int) -> tuple[Tensor, Tensor]:
        self._optimiser.zero_grad()
        answers: list[Tensor] = []
        losses: list[Tensor] = []
        parts = parts if len(truth) >= _FEWEST else 1
        for part, target in zip(inputs.chunk(parts), truth.chunk(parts), strict=True):
            with self._machine.autocast():
                logits = self._network(part)
            cost = self._loss(logits.float(), target) * share(self._loss, target, truth)
            cost.backward()
            answers.append(logits.detach().float())
            losses.append(cost.detach())
        self._optimiser.step()
        return torch.cat(answers), torch.stack(losses).sum()


def share(loss: nn.Module, part: Tensor, whole: Tensor) -> Tensor | float:
    """How much of a batch's mean loss a part of it makes up, by count or by class weight."""
    weight = getattr(loss, "weight", None)
    if weight is None or len(part) == len(whole):
        return len(part) / len(whole)
    result: Tensor = weight[part].sum() / weight[whole].sum()
    return result
