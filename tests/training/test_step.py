"""A batch that does not fit is taken in halves, with the same gradient."""

import copy

import pytest
import torch
from torch import Tensor, nn

from medxfer.config import Imbalance, TrainConfig
from medxfer.machine import on_cpu
from medxfer.training.loss import build_loss
from medxfer.training.step import Step

TARGETS = [0, 0, 0, 0, 0, 1, 1, 2, 2]


class Small(nn.Module):
    """A network whose device has room for `most` pictures."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
        self.most = most
        self.seen: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        if len(inputs) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self.seen.append(len(inputs))
        result: Tensor = self.layers(inputs)
        return result


def step_of(network: nn.Module, imbalance: Imbalance) -> tuple[Step, nn.Module]:
    loss = build_loss(TrainConfig(data="d", imbalance=imbalance, label_smoothing=0.1), TARGETS, 3)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
    return Step(network, loss, optimiser, on_cpu()), loss


@pytest.mark.parametrize("imbalance", Imbalance)
def test_halves_give_the_gradient_of_the_whole(imbalance: Imbalance) -> None:
    torch.manual_seed(0)
    whole = Small(most=100)
    halved = copy.deepcopy(whole)
    halved.most = 5
    inputs, truth = torch.randn(9, 6), torch.tensor(TARGETS)
    results = []
    for network in (whole, halved):
        step, _ = step_of(network, imbalance)
        results.append(step(inputs, truth))
        assert step.halved is (network is halved)
    assert halved.seen == [5, 4]
    for found, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(found, expected)
    for found, expected in zip(halved.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


def test_once_halved_always_halved() -> None:
    network = Small(most=5)
    step, _ = step_of(network, Imbalance.NONE)
    for size in (9, 4, 9, 2):
        step(torch.randn(size, 6), torch.tensor(TARGETS[:size]))
    assert network.seen == [5, 4, 2, 2, 5, 4, 2]


def test_what_does_not_fit_in_halves_is_out_of_memory() -> None:
    step, _ = step_of(Small(most=2), Imbalance.NONE)
    with pytest.raises(torch.OutOfMemoryError):
        step(torch.randn(9, 6), torch.tensor(TARGETS))
    alone, _ = step_of(Small(most=1), Imbalance.NONE)
    with pytest.raises(torch.OutOfMemoryError):
        alone(torch.randn(3, 6), torch.tensor(TARGETS[:3]))
