"""Names of weights, against the real models that use them."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import resnet18

from medxfer.config import Depth
from medxfer.errors import WeightsError
from medxfer.models.weights.fit import depth_of, fitted
from medxfer.models.weights.keys import to_torchvision, unwrap

State = dict[str, Tensor]


def backbone(state: State) -> State:
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def assert_same(ours: State, theirs: State) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].equal(value), name


class RadImageNet(nn.Module):
    """As in RadImageNet's own PyTorch example: torchvision's children, numbered, headless."""

    def __init__(self, state: State) -> None:
        super().__init__()
        base = resnet18(weights=None)
        base.load_state_dict(state)
        self.backbone = nn.Sequential(*list(base.children())[:9])
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(512, 165))


def test_radimagenet_names(resnet18_state: State) -> None:
    stored = RadImageNet(resnet18_state).state_dict()
    assert "backbone.0.weight" in stored
    assert "backbone.4.0.conv1.weight" in stored
    assert_same(
        fitted(to_torchvision(stored, "it"), Depth.RESNET18, "it"), backbone(resnet18_state)
    )


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("options", [{}, {"num_classes": 0}, {"features_only": True}])
def test_timm_names(depth: int, options: dict[str, int]) -> None:
    timm = pytest.importorskip("timm", reason="timm is a development tool and is not installed")
    stored = timm.create_model(f"resnet{depth}", pretrained=False, **options).state_dict()
    ours = fitted(to_torchvision(stored, "it"), Depth(depth), "it")
    assert_same(ours, backbone(stored))
    model = torchvision.models.get_model(f"resnet{depth}", weights=None)
    model.fc = nn.Identity()
    model.load_state_dict(ours, strict=True)


@pytest.mark.parametrize("name", ["resnet18d", "seresnet18", "resnetv2_18"])
def test_other_designs_of_timm_are_refused(name: str) -> None:
    timm = pytest.importorskip("timm", reason="timm is a development tool and is not installed")
    stored = timm.create_model(name, pretrained=False).state_dict()
    with pytest.raises(WeightsError, match=r"another design|lacks|holds no ResNet"):
        fitted(to_torchvision(stored, "it"), Depth.RESNET18, "it")


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "model.", "encoder.", "backbone.", "module.backbone.body.", "_orig_mod."],
)
def test_whatever_stands_before_the_names(prefix: str, resnet18_state: State) -> None:
    stored = {prefix + name: value for name, value in resnet18_state.items()}
    stored["criterion.weight"] = torch.ones(2)
    assert_same(
        fitted(to_torchvision(stored, "it"), Depth.RESNET18, "it"), backbone(resnet18_state)
    )


@pytest.mark.parametrize("wrappers", [(), ("state_dict",), ("model",), ("model", "state_dict")])
def test_wrappers(wrappers: tuple[str, ...], resnet18_state: State) -> None:
    stored: dict[str, object] = OrderedDict(resnet18_state)
    for name in wrappers:
        stored = {"epoch": 7, name: stored, "optimizer": {"lr": 0.1}}
    assert_same(unwrap(stored), resnet18_state)


def test_a_dictionary_that_holds_itself_ends() -> None:
    stored: dict[str, object] = {}
    stored["model"] = stored
    assert unwrap(stored) == {}
    assert unwrap(3) == {}


def test_two_networks_are_one_too_many(resnet18_state: State) -> None:
    stored = {
        f"{encoder}.{name}": value
        for encoder in ("encoder_q", "encoder_k")
        for name, value in resnet18_state.items()
    }
    with pytest.raises(WeightsError, match=r"2 networks, under 'encoder_k\.', 'encoder_q\.'"):
        to_torchvision(stored, "File moco.pth")


def test_no_resnet_at_all() -> None:
    with pytest.raises(WeightsError, match=r"holds no ResNet: its entries are 0\.weight, 0\.bias"):
        to_torchvision(nn.Sequential(nn.Linear(2, 2)).state_dict(), "File a.pth")
    with pytest.raises(WeightsError, match="no weights were found"):
        to_torchvision({}, "File a.pth")


@pytest.mark.parametrize("depth", Depth)
def test_the_depth_shows_in_the_names(depth: Depth) -> None:
    with torch.device("meta"):
        state = torchvision.models.get_model(f"resnet{int(depth)}", weights=None).state_dict()
    assert depth_of(state) is depth
