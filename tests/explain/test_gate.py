"""The familiarity gate on features of known truth, against brute force, and what it leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision.models import ResNet

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.errors import ExplainError
from medxfer.explain.agreement import SHIFTS, agreement, views
from medxfer.explain.depths import DEPTHS, Depths
from medxfer.explain.devices import other_devices
from medxfer.explain.gate import CONFIDENCE, Gate, Looks, Space, combined, fit
from medxfer.explain.sides import Side, energy, sides
from medxfer.models.preprocessing import to_input
from medxfer.models.resnet import build

LENGTH = {Side.LAYOUT: 49, Side.TEXTURE: 12, Side.SHAPE: 16, Side.DETAIL: 3, Side.COLOUR: 4}


def made(n: int, seed: int, moved: dict[Side, float] | None = None, wide: float = 1) -> Looks:
    """Made-up features: normal with standard deviation `wide`; `moved` shifts some sides."""
    random = np.random.default_rng(seed)
    vectors = {
        side: (wide * random.normal(size=(n, length)) + (moved or {}).get(side, 0.0)).astype(
            np.float32
        )
        for side, length in LENGTH.items()
    }
    return Looks(vectors, random.normal(size=n))


def fitted(n: int = 300, held_out: int = 400) -> Gate:
    images, labels = [f"i{row}" for row in range(n)], ["ab"[row % 2] for row in range(n)]
    return fit(made(n, 0), images, labels, made(held_out, 1), made(4 * held_out, 2, wide=1.1))


@pytest.fixture(scope="module")
def gate() -> Gate:
    return fitted()


def test_one_in_twenty_familiar_scans_is_refused(gate: Gate) -> None:
    fresh = gate.judge(made(2000, 3, wide=1.1))
    refused = np.mean([not one.familiar for one in fresh])
    # Two standard errors of the limit, from 1600 figures, and of this share, from 2000.
    assert refused == pytest.approx(0.05, abs=2 * np.sqrt(0.05 * 0.95 * (1 / 1600 + 1 / 2000)))
    varied = combined(gate.scores(made(1600, 2, wide=1.1)))
    assert (varied > gate.limit).sum() == 79, "of 1600, the least that is 5 % of 1601"
    plain = np.mean([not one.familiar for one in gate.judge(made(2000, 4))])
    assert plain < 0.05


@pytest.mark.parametrize("side", list(Side))
def test_what_is_far_on_one_side_is_refused_and_that_side_named(gate: Gate, side: Side) -> None:
    for found in gate.judge(made(50, 5, {side: 6.0})):
        assert not found.familiar
        assert found.farther_than == 1
        assert found.checks[0].name == side
        assert [check.name for check in found.reasons] == [str(side)]
        assert found.reasons[0].words in found.sentence
        assert "100 of 100" in found.sentence


def test_a_network_that_makes_nothing_of_a_picture_is_a_reason(gate: Gate) -> None:
    usual = made(1, 6)
    (found,) = gate.judge(Looks(usual.sides, usual.energy + 30))
    assert [check.name for check in found.reasons] == [CONFIDENCE]


def test_farther_than_is_the_share_of_validation_scans_that_are_nearer(gate: Gate) -> None:
    known = combined(gate.scores(made(400, 1)))
    for found in gate.judge(made(40, 7)):
        assert found.farther_than == pytest.approx((known < found.score).mean())
        said = f"{100 - round(100 * found.farther_than)} of 100"
        assert not found.familiar or said in found.sentence


def test_similar_cases_are_those_of_brute_force(gate: Gate) -> None:
    training, asked = made(300, 0).sides[Side.SHAPE], made(30, 8)
    spread = training.std(0, dtype=float)
    for query, found in zip(asked.sides[Side.SHAPE], gate.judge(asked), strict=True):
        far = [float(np.sqrt((((query - row) / spread) ** 2).sum())) for row in training]
        order = sorted(range(len(far)), key=lambda row: far[row])[:5]
        assert [case.image for case in found.similar] == [f"i{row}" for row in order]
        assert [case.label for case in found.similar] == ["ab"[row % 2] for row in order]
        usual = gate.units[Side.SHAPE].usual
        np.testing.assert_allclose(
            [case.distance * usual for case in found.similar], [far[row] for row in order],
            rtol=1e-6,
        )  # fmt: skip
    (again,) = gate.judge(Looks({s: v[7:8] for s, v in made(300, 0).sides.items()}, np.zeros(1)))
    assert again.similar[0].image == "i7"
    assert again.similar[0].distance == pytest.approx(0, abs=1e-6)


def test_a_feature_that_never_moved_in_training_does_not_decide_alone() -> None:
    training = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    training[:, 3] = 0.25
    asked = training[:1].copy()
    asked[0, 3] += 1e-4  # rounding on another device
    assert Space(Side.SHAPE, training).nearest(asked, 1)[1][0, 0] < 0.1


def test_a_tint_is_far_from_grey_pictures_and_rounding_is_not() -> None:
    grey = np.zeros((40, 4), dtype=np.float32)
    tint = np.array([[0.1, 0.05, 0.05, 0.02], [1e-3, 0, 0, 0]], dtype=np.float32)
    space = Space(Side.COLOUR, grey)
    (usual,) = space.distances(grey[:1])
    far, same = space.distances(tint)
    assert far > 4 * usual
    assert same < 1.1 * usual


def test_of_few_validation_scans_only_what_is_farther_than_all_is_refused() -> None:
    few = made(6, 1)
    gate = fit(made(40, 0), [str(row) for row in range(40)], ["a"] * 40, few, few)
    assert all(found.familiar for found in gate.judge(few))
    assert not gate.judge(made(1, 2, {Side.SHAPE: 20.0}))[0].familiar


def test_too_few_scans_and_broken_numbers_are_sentences(gate: Gate) -> None:
    with pytest.raises(ExplainError, match="from 3 training and 4 validation images"):
        fit(made(3, 0), ["a"] * 3, ["b"] * 3, made(4, 1), made(4, 1))
    broken = made(1, 1)
    with pytest.raises(ExplainError, match="no valid number"):
        gate.judge(Looks(broken.sides, np.array([np.nan])))


def test_energy_is_minus_the_logarithm_of_the_summed_exponentials() -> None:
    np.testing.assert_allclose(
        energy(np.array([[0.0, 0.0], [np.log(3), 0.0], [1000.0, 0.0]])),
        [-np.log(2), -np.log(4), -1000],
    )


@pytest.fixture(scope="module")
def model() -> ResNet:
    torch.manual_seed(3)
    model = build(Depth.RESNET18, 3, HeadConfig(kind="mlp", hidden=16))
    model.train()
    with torch.no_grad():
        model(torch.randn(4, 3, 96, 96))
    return model.eval()


def picture(seed: int = 5, channels: int = 1) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 10, channels)).astype(np.uint8)
    fine = np.kron(coarse, np.ones((32, 32, 1), dtype=np.uint8))
    return np.repeat(fine, 3 // channels, axis=2)


@pytest.mark.parametrize("depth", [Depth.RESNET18, Depth.RESNET50])
def test_depths_are_those_of_the_network_and_leave_it_alone(depth: Depth) -> None:
    torch.manual_seed(1)
    model = build(depth, 2, HeadConfig(kind="mlp", hidden=8))
    model.train()
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))
    model.layer1.eval()
    modes = [module.training for module in model.modules()]
    fired: list[nn.Module] = []
    model.layer4.register_forward_hook(lambda *_: fired.append(model))
    inputs = torch.stack([to_input(picture(seed)) for seed in range(2)])
    seen = Depths(model).look(inputs)
    assert not fired
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    model.eval()
    with torch.no_grad():
        flow = model.maxpool(model.relu(model.bn1(model.conv1(inputs))))
        for stage in DEPTHS:
            flow = getattr(model, stage)(flow)
            pooled = flow.mean((2, 3)).numpy()
            np.testing.assert_allclose(seen.features[stage], pooled, rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(seen.logits, model(inputs).numpy(), rtol=2e-3, atol=1e-3)


def test_sides_of_pictures(model: ResNet) -> None:
    grey, dim = picture(), (picture() * 0.5).astype(np.uint8)
    tinted = (picture() * np.array([1, 0.8, 0.7])).astype(np.uint8)
    flat = np.full((256, 256, 3), 90, dtype=np.uint8)
    inputs = torch.stack([to_input(one) for one in (grey, dim, tinted, 255 - grey, flat)])
    found = sides(inputs, Depths(model).look(inputs))
    assert {side: vectors.shape[1] for side, vectors in found.items()} == LENGTH | {
        Side.TEXTURE: 128, Side.SHAPE: 512,
    }  # fmt: skip
    layout = found[Side.LAYOUT]
    np.testing.assert_allclose(np.linalg.norm(layout, axis=1), 1, rtol=1e-5)
    assert layout[0] @ layout[1] > 0.99, "exposure does not matter"
    assert layout[0] @ layout[3] < -0.99, "a negative is the opposite"
    colour = found[Side.COLOUR]
    np.testing.assert_allclose(colour[[0, 1, 3, 4]], 0, atol=1e-6)
    assert colour[2, 0] > 0.05
    assert found[Side.DETAIL][4, 2] < found[Side.DETAIL][0, 2] - 3
    stage = Depths(model).look(inputs).features[Stage.LAYER4]
    np.testing.assert_array_equal(found[Side.SHAPE], stage)


def test_other_devices_stay_inside_what_is_seen_and_are_drawn_again_the_same() -> None:
    sizes = np.array([[256, 300], [512, 256], [64, 64]] * 50)
    drawn, again = other_devices(sizes, 3), other_devices(sizes, 3)
    assert torch.equal(drawn.box, again.box)
    assert not torch.equal(drawn.box, other_devices(sizes, 4).box)
    left, top, right, bottom = drawn.box.unbind(1)
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (right <= torch.from_numpy(sizes[:, 1]) + 1e-3).all()
    assert (bottom <= torch.from_numpy(sizes[:, 0]) + 1e-3).all()
    assert not drawn.mirrored.any()
    assert not drawn.plain


def test_the_first_view_is_the_judged_one_and_the_others_are_shifted() -> None:
    columns = np.arange(512, dtype=np.float64) / 2
    ramp = np.repeat(np.tile(columns, (300, 1))[:, :, None], 3, axis=2).astype(np.uint8)
    seen = views(ramp)
    assert seen.shape == (1 + len(SHIFTS), 3, 224, 224)
    torch.testing.assert_close(seen[0], to_input(ramp))
    step = float(seen[0, 0, 0, 1:].sub(seen[0, 0, 0, :-1]).mean())
    for (across, _), one in zip(SHIFTS, seen[1:], strict=True):
        assert float((one - seen[0])[0].mean()) == pytest.approx(across * step, abs=0.02)
    assert len(set(SHIFTS)) == 8


def test_agreement_counts_views_called_the_same() -> None:
    called = np.array([1, 1, 0, 1, 1, 1, 1, 1, 1])
    probabilities = np.stack([1 - np.linspace(0.6, 0.9, 9), np.linspace(0.6, 0.9, 9)], axis=1)
    found = agreement(called, probabilities)
    assert (found.shifts, found.same, found.share) == (8, 7, 7 / 8)
    assert (found.low, found.high) == (pytest.approx(0.6), pytest.approx(0.9))
    assert "7 of 8 views" in found.sentence
