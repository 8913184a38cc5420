from __future__ import annotations

from typing import get_args

import pytest
import torch
import torchvision
from torch import nn

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.models.heads import HEADS, build_head
from medxfer.models.resnet import build, parameters_by_stage, stage_modules, stage_of

LINEAR = HeadConfig(kind="linear")


@pytest.mark.parametrize("depth", Depth)
def test_every_depth_keeps_torchvision_names_and_sizes(depth: Depth) -> None:
    with torch.device("meta"):
        ours = build(depth, 1000, LINEAR).state_dict()
        theirs = torchvision.models.get_model(f"resnet{int(depth)}", weights=None).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {
        name: value.shape for name, value in theirs.items()
    }


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("classes", [2, 5])
def test_a_picture_gives_one_logit_a_class(kind: str, classes: int) -> None:
    model = build(Depth.RESNET18, classes, HeadConfig.parse({"kind": kind})).eval()
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, classes)


def test_every_kind_of_head_that_can_be_chosen_exists() -> None:
    assert set(HEADS) == set(get_args(HeadConfig.model_fields["kind"].annotation))


def test_the_mlp_head_is_the_published_one() -> None:
    head = build_head(512, 2, HeadConfig())
    layers = [type(layer) for layer in head.children()]
    assert layers == [nn.Dropout, nn.Linear, nn.ReLU, nn.BatchNorm1d, nn.Dropout, nn.Linear]
    drop_in, hidden, _, norm, drop_out, answer = head.children()
    assert (drop_in.p, drop_out.p) == (0.5, 0.3)
    assert (hidden.out_features, norm.num_features, answer.out_features) == (512, 512, 2)


def test_stages_hold_every_weight_once() -> None:
    model = build(Depth.RESNET18, 2, HeadConfig())
    held = [
        parameter
        for modules in stage_modules(model).values()
        for module in modules
        for parameter in module.parameters()
    ]
    assert [id(parameter) for parameter in held] == [id(p) for p in model.parameters()]
    counts = parameters_by_stage(model)
    assert sum(counts.values()) == sum(p.numel() for p in model.parameters())
    assert counts[Stage.STEM] == 64 * 3 * 7 * 7 + 2 * 64
    assert counts[Stage.HEAD] == 512 * 512 + 512 + 2 * 512 + 512 * 2 + 2


def test_stages_run_one_after_the_other_are_the_network() -> None:
    model = build(Depth.RESNET18, 3, HeadConfig()).eval()
    pictures = torch.rand(2, 3, 64, 64)
    passing = pictures
    for modules in stage_modules(model).values():
        for module in modules:
            passing = module(passing.flatten(1) if module is model.fc else passing)
    torch.testing.assert_close(passing, model(pictures))


def test_a_name_tells_its_stage() -> None:
    assert stage_of("bn1.running_mean") is Stage.STEM
    assert stage_of("layer3.5.bn2.num_batches_tracked") is Stage.LAYER3
    assert stage_of("fc.1.weight") is Stage.HEAD
    with pytest.raises(KeyError):
        stage_of("layer5.0.conv1.weight")
