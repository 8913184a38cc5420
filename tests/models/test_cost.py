from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torchvision
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.models.cost import WHEN, Throughput, all_costs, cost, estimate
from medxfer.models.freezing import let_learn
from medxfer.models.resnet import build
from medxfer.models.speed import BATCH, measure, rate

LINEAR = HeadConfig(kind="linear")
PUBLISHED_GIGA_OPERATIONS = {18: 1.814, 34: 3.664, 50: 4.089, 101: 7.801, 152: 11.514}


@pytest.mark.parametrize("depth", Depth)
def test_the_table_is_the_published_one(depth: Depth) -> None:
    published = torchvision.models.get_model_weights(f"resnet{int(depth)}")["IMAGENET1K_V1"].meta
    counted = cost(depth, LINEAR, 1000)
    assert counted.layers == depth
    assert counted.parameters == published["num_params"]
    assert counted.operations / 1e9 == pytest.approx(published["_ops"], abs=5e-4)
    assert counted.operations / 1e9 == pytest.approx(PUBLISHED_GIGA_OPERATIONS[depth], abs=5e-4)


@pytest.mark.parametrize("depth", Depth)
def test_operations_agree_with_torch(depth: Depth) -> None:
    with torch.device("meta"):
        model, picture = build(depth, 3, HeadConfig()).eval(), torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        model(picture)
    assert cost(depth, HeadConfig(), 3).operations == counter.get_total_flops() // 2


def test_stages_add_up() -> None:
    for counted in all_costs(4, HeadConfig()):
        assert sum(counted.by_stage.values()) == counted.parameters
        assert sum(counted.operations_by_stage.values()) == counted.operations
        assert min(counted.activation_bytes_by_stage.values()) > 0


@pytest.mark.parametrize("stages", [tuple(Stage), Stage.LAYER4.onwards, (Stage.HEAD,)])
def test_activations_are_what_autograd_keeps(stages: tuple[Stage, ...]) -> None:
    model = build(Depth.RESNET18, 2, HeadConfig())
    let_learn(model, stages)
    own = {value.untyped_storage().data_ptr() for value in model.state_dict().values()}
    kept: dict[int, Tensor] = {}

    def keep(value: Tensor) -> Tensor:
        if value.untyped_storage().data_ptr() not in own:
            kept[value.untyped_storage().data_ptr()] = value
        return value

    pictures = torch.rand(4, 3, 224, 224)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        logits = model(pictures)
    assert logits.requires_grad
    measured = sum(value.untyped_storage().nbytes() for value in kept.values()) / len(pictures)
    by_stage = cost(Depth.RESNET18, HeadConfig(), 2).activation_bytes_by_stage
    counted = sum(by_stage[stage] for stage in stages)
    # Autograd also keeps what enters the first learning stage, and the dropout masks.
    entering = 4 * {Stage.STEM: 3 * 224**2, Stage.LAYER4: 256 * 14**2}.get(stages[0], 512 * 7**2)
    assert counted <= measured * 1.05 + 2048
    assert measured <= (counted + entering) * 1.05 + 2048


SPEED = Throughput(forward=1e9, training=5e8)


def test_time_by_hand() -> None:
    counted = cost(Depth.RESNET18, LINEAR, 1000)
    operations = counted.operations_by_stage
    head = operations[Stage.HEAD]
    assert head == 512 * 1000
    only_head = estimate(counted, [Stage.HEAD], 10, 2, 3, SPEED)
    each = (counted.operations - head) / 1e9 + 3 * head / 5e8
    assert only_head.seconds == pytest.approx(3 * 10 * each)
    everything = estimate(counted, tuple(Stage), 10, 2, 3, SPEED, validation_images=5)
    by_hand = 3 * (10 * 3 * counted.operations / 5e8 + 5 * counted.operations / 1e9)
    assert everything.seconds == pytest.approx(by_hand)


def test_learning_more_takes_more() -> None:
    counted = cost(Depth.RESNET50, HeadConfig(), 2)
    plans = [estimate(counted, stage.onwards, 100, 16, 1, SPEED) for stage in reversed(Stage)]
    for less, more in pairwise(plans):
        assert less.seconds < more.seconds
        assert less.memory_bytes < more.memory_bytes
    nothing = estimate(counted, (), 100, 16, 1, SPEED)
    assert nothing.seconds == pytest.approx(100 * counted.operations / SPEED.forward)


def test_every_depth_says_when_to_prefer_it() -> None:
    assert set(WHEN) == set(Depth)


def test_rate_is_operations_over_the_median_time() -> None:
    ticks = iter([0.0, 9.0, 10.0, 12.0, 20.0, 21.0])
    steps: list[int] = []
    assert rate(lambda: steps.append(1), 100, 5.0, lambda: next(ticks)) == 50.0
    assert len(steps) == 4, "one to warm up, three measured"


def test_this_machine_has_a_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BATCH, "cpu", 1)
    speed = measure("cpu", seconds=0.01)
    assert 1e7 < speed.forward < 1e15
    assert 1e7 < speed.training < 1e15
