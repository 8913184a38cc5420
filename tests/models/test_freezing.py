from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.models import ResNet

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.models.freezing import let_learn
from medxfer.models.resnet import build, stage_modules, stage_of

COMBINATIONS = [stage.onwards for stage in Stage]
"""Every strategy's phases learn from one stage to the end; these are all there are."""


def one_step(model: ResNet) -> None:
    """One step of AdamW on all parameters, as careless as a training loop could be."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    model(torch.rand(4, 3, 48, 48)).logsumexp(1).sum().backward()
    optimiser.step()


def copy_of(model: ResNet) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def moved(before: dict[str, Tensor], model: ResNet) -> set[str]:
    return {name for name, value in model.state_dict().items() if not value.equal(before[name])}


@pytest.fixture(scope="module")
def model() -> ResNet:
    torch.manual_seed(0)
    return build(Depth.RESNET18, 2, HeadConfig())


@pytest.mark.parametrize("stages", COMBINATIONS, ids=lambda stages: f"from {stages[0]}")
def test_one_step_moves_the_learning_stages_and_nothing_else(
    model: ResNet, stages: tuple[Stage, ...]
) -> None:
    let_learn(model, stages)
    before = copy_of(model)
    one_step(model)
    assert moved(before, model) == {name for name in before if stage_of(name) in stages}


def test_gradients_of_an_earlier_phase_move_nothing() -> None:
    model = build(Depth.RESNET18, 2, HeadConfig())
    let_learn(model, tuple(Stage))
    model(torch.rand(4, 3, 48, 48)).sum().backward()
    let_learn(model, [Stage.HEAD])
    before = copy_of(model)
    torch.optim.AdamW(model.parameters(), lr=1e-2).step()
    assert {stage_of(name) for name in moved(before, model)} <= {Stage.HEAD}


def test_modes_follow_after_an_evaluation() -> None:
    model = build(Depth.RESNET18, 2, HeadConfig())
    let_learn(model, Stage.LAYER4.onwards)
    model.eval()
    let_learn(model, Stage.LAYER4.onwards)
    modes = {
        stage: {part.training for module in modules for part in module.modules()}
        for stage, modules in stage_modules(model).items()
    }
    assert modes == {stage: {stage in Stage.LAYER4.onwards} for stage in Stage}


def test_no_gradient_alone_would_not_freeze() -> None:
    """The fault this room exists to prevent; if this fails, the tests above prove nothing."""
    model = build(Depth.RESNET18, 2, HeadConfig()).train()
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    before = copy_of(model)
    one_step(model)
    assert "layer1.0.bn1.running_mean" in moved(before, model)
