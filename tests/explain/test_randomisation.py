"""Maps of destroyed networks: a method that ignores the weights is found out."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import nn
from torchvision.models import ResNet

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.explain import randomisation as module
from medxfer.explain.faithfulness import Step
from medxfer.explain.placing import Heat
from medxfer.explain.randomisation import CASCADE, Randomisation, of_method, randomisation
from medxfer.models.resnet import build, stage_modules
from medxfer.working import ended
from tests.explain.squares import picture_of

PICTURES = [picture_of(row, 60, row) for row in (20, 80, 140)]


@pytest.fixture(scope="module")
def model() -> ResNet:
    torch.manual_seed(0)
    made = build(Depth.RESNET18, 2, HeadConfig(kind="mlp", hidden=16))
    made.train()
    with torch.no_grad():
        made(torch.randn(4, 3, 96, 96))
    return made.eval()


def followed(steps: Generator[Step, None, Randomisation]) -> tuple[Randomisation, list[Step]]:
    told: list[Step] = []
    return ended(steps, told.append), told


def edges(_: nn.Module, pixels: NDArray[np.uint8]) -> Heat:
    """A "heatmap" that shows the picture's edges, whatever the network."""
    grey = pixels.mean(axis=2)
    return np.hypot(*np.gradient(grey)).astype(np.float32)


def test_a_method_that_ignores_the_weights_is_found_out(model: ResNet) -> None:
    found, told = followed(randomisation(model, PICTURES, edges))
    np.testing.assert_allclose(found.likeness, 1)
    assert not found.depends_on_weights
    assert [step.done for step in told] == list(range(1, 3 * 7 + 1))
    assert {step.total for step in told} == {21}


def test_a_map_that_is_a_weight_changes_with_it(model: ResNet) -> None:
    """Read from the weights of one stage, it stays until that stage's turn, then is another."""

    def of_layer3(network: nn.Module, pixels: NDArray[np.uint8]) -> Heat:
        weight = network.get_submodule("layer3.1.conv2").weight.detach().numpy()
        return np.resize(weight[:, :, 0, 0], pixels.shape[:2]).astype(np.float32)

    found, _ = followed(randomisation(model, PICTURES, of_layer3))
    turn = CASCADE.index(Stage.LAYER3)
    np.testing.assert_allclose(found.likeness[:turn], 1)
    assert np.abs(found.likeness[turn:]).max() < 0.3
    assert found.depends_on_weights


def test_stages_fall_from_the_head_on_and_the_network_stays(model: ResNet) -> None:
    """At its turn every weight of a stage is new, before it none; the original keeps all."""
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    changed: list[set[Stage]] = []

    def watch(network: nn.Module, pixels: NDArray[np.uint8]) -> Heat:
        new = {
            stage
            for stage, modules in stage_modules(network).items()
            for layer in modules
            for name, value in layer.named_parameters()
            if value.ndim > 1
            and not any(
                torch.equal(value, old) for old in kept.values() if old.shape == value.shape
            )
        }
        changed.append(new)
        return np.ones(pixels.shape[:2], np.float32)

    followed(randomisation(model, PICTURES[:1], watch))
    assert changed == [set(CASCADE[:count]) for count in range(len(CASCADE) + 1)]
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())


def test_the_real_maps_stay_finite_to_the_end(model: ResNet) -> None:
    mapping = of_method(("a", "b"), target=1, method="layercam", stage=Stage.LAYER3)
    found, _ = followed(randomisation(model, PICTURES, mapping))
    assert found.likeness.shape == (6, 3)
    assert np.isfinite(found.likeness).all()
    again, _ = followed(randomisation(model, PICTURES, mapping))
    np.testing.assert_array_equal(found.likeness, again.likeness)


def test_interval_and_verdict() -> None:
    likeness = np.full((6, 4), 0.9)
    likeness[-1] = [0.1, 0.2, 0.3, 0.2]
    found = Randomisation(likeness)
    low, high = student.interval(0.95, 3, 0.2, likeness[-1].std(ddof=1) / 2)
    assert (found.means[-1].low, found.means[-1].high) == pytest.approx((low, high))
    assert found.depends_on_weights
    assert high < module.ALIKE
    likeness[-1] = [0.1, 0.8, 0.3, 0.2]
    assert not Randomisation(likeness).depends_on_weights
    assert not Randomisation(likeness[:, :1]).depends_on_weights
