"""Heatmaps against plain autograd, worked numbers, and the marks they leave on a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchcam.methods import ScoreCAM
from torchvision.models import ResNet

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.errors import ExplainError, UnknownNameError
from medxfer.explain import heatmap
from medxfer.explain.heatmap import METHODS, explain
from medxfer.explain.methods import SLOW, FewChannelScoreCAM, noises
from medxfer.explain.placing import place
from medxfer.models.preprocessing import seen_box, to_input
from medxfer.models.resnet import build

CLASSES = ("NORMAL", "PNEUMONIA", "OTHER")
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def trained() -> ResNet:
    """A ResNet-18 whose batch norms have seen data, so that all its stages carry signal."""
    torch.manual_seed(3)
    model = build(Depth.RESNET18, len(CLASSES), HeadConfig(kind="mlp", hidden=16))
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, 3, 96, 96))
    return model.eval()


@pytest.fixture
def model(trained: ResNet) -> ResNet:
    trained.eval().requires_grad_(True)
    return trained


@pytest.fixture(autouse=True)
def few_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score-CAM asks once a channel: eight show whether it is right."""
    monkeypatch.setattr(FewChannelScoreCAM, "CHANNELS", 8)


@pytest.fixture(scope="module")
def picture() -> Pixels:
    generator = np.random.default_rng(5)
    coarse = generator.integers(0, 256, (8, 10, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((40, 40, 1), dtype=np.uint8))


def reference(method: str, activation: Tensor, gradient: Tensor) -> Tensor:
    """Maps (h, w) as their papers define them, from activation and gradient (c, h, w)."""
    total = activation.sum(dim=(1, 2), keepdim=True)
    match method:
        case "gradcam":
            weights = gradient.mean(dim=(1, 2), keepdim=True)
        case "xgradcam":
            weights = (gradient * activation).sum(dim=(1, 2), keepdim=True) / (total + 1e-8)
        case "layercam":
            weights = gradient.relu()
        case "gradcam++":
            alpha = torch.zeros_like(gradient)
            there = gradient != 0
            whole = total.expand_as(gradient)[there]
            alpha[there] = 1 / (2 + whole * gradient[there])  # equation 19, divided by g squared
            weights = (alpha * gradient.relu()).sum(dim=(1, 2), keepdim=True)
        case _:
            raise AssertionError(f"no reference for {method}")
    return (weights * activation).sum(dim=0).relu()


NAMES = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def cut(model: ResNet, x: Tensor, stage: str) -> tuple[Tensor, Tensor]:
    """Activation (1, c, h, w) at the end of a stage, and the logits (1, k) that it leads to."""
    last = "maxpool" if stage == "stem" else stage
    for name in NAMES[: NAMES.index(last) + 1]:
        x = model.get_submodule(name)(x)
    activation = x.detach().requires_grad_()
    y = activation.clone()  # the next layer may work in place
    for name in NAMES[NAMES.index(last) + 1 :]:
        y = model.get_submodule(name)(y)
    return activation, model.fc(model.avgpool(y).flatten(1))


def wanted(logits: Tensor, target: int, against: int | None) -> Tensor:
    """The number a heatmap is of, from logits (n, k)."""
    return logits[:, target] - (0 if against is None else logits[:, against])


def by_autograd(
    model: ResNet, pixels: Pixels, target: int, stage: str, method: str, against: int | None = None
) -> tuple[Tensor, Tensor]:
    """The map (h, w) and the logits, cut at the stage by hand and without any hook."""
    x = to_input(pixels).unsqueeze(0)
    activation, logits = cut(model, x, stage)
    if method == "scorecam":
        return score_cam(model, x, activation.detach(), target, against), logits.detach()[0]
    noisy = [x + noise for noise in noises(x)] if method == "smoothgradcam++" else [x]
    powers = [torch.zeros_like(activation[0]) for _ in range(3)]
    for copy in noisy:
        inside, outside = cut(model, copy, stage)
        (gradient,) = torch.autograd.grad(wanted(outside, target, against).sum(), inside)
        powers = [power + gradient[0] ** (n + 1) / len(noisy) for n, power in enumerate(powers)]
    if method == "smoothgradcam++":
        found = smooth_map(activation.detach()[0], *powers)
    else:
        found = reference(method, activation.detach()[0], powers[0])
    return found, logits.detach()[0]


def smooth_map(activation: Tensor, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Smooth Grad-CAM++ (h, w): equations 4 to 6 of Omeiza et al., with averaged derivatives."""
    total = activation.sum(dim=(1, 2), keepdim=True)
    alpha = torch.zeros_like(second)
    denominator = 2 * second + total * third
    there = denominator != 0
    alpha[there] = second[there] / denominator[there]
    weights = (alpha * first.relu()).sum(dim=(1, 2), keepdim=True)
    return (weights * activation).sum(dim=0).relu()


@torch.no_grad()
def score_cam(
    model: ResNet, x: Tensor, activation: Tensor, target: int, against: int | None
) -> Tensor:
    """Algorithm 1 of Wang et al., channel by channel, of those that vary most; map (h, w)."""
    spread = activation[0].flatten(1).var(dim=1)
    channels = spread.argsort(descending=True)[: FewChannelScoreCAM.CHANNELS]
    scores = []
    for channel in channels:
        mask = functional.interpolate(
            activation[:, channel : channel + 1], size=(224, 224), mode="bilinear"
        )
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        scores.append(wanted(model(x * mask), target, against)[0])
    weights = torch.stack(scores).softmax(0)
    return (weights[:, None, None] * activation[0, channels]).sum(dim=0).relu()


@pytest.mark.parametrize("stage", [Stage.STEM, Stage.LAYER2, Stage.LAYER4])
@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("against", [None, 0])
def test_every_method_equals_plain_autograd(
    model: ResNet, picture: Pixels, method: str, stage: Stage, against: int | None
) -> None:
    expected, logits = by_autograd(model, picture, 2, stage, method, against)
    found = explain(model, picture, CLASSES, target=2, against=against, method=method, stage=stage)
    assert found.raw_maximum == pytest.approx(float(expected.max()), rel=1e-3)
    np.testing.assert_allclose(
        found.probabilities, logits.double().softmax(0).numpy(), rtol=1e-4, atol=1e-6
    )
    assert found.predicted == int(logits.argmax())
    assert (found.target, found.against, found.method, found.stage) == (2, against, method, stage)
    left, top, right, bottom = (round(edge) for edge in found.seen)
    crop = functional.interpolate(
        (expected / expected.max())[None, None],
        size=(bottom - top, right - left),
        mode="bilinear",
        align_corners=False,
    )[0, 0].numpy()
    assert found.heatmap.dtype == np.float32
    np.testing.assert_allclose(found.heatmap[top:bottom, left:right], crop, atol=2e-3)


def test_the_difference_of_two_classes_has_two_sides(model: ResNet, picture: Pixels) -> None:
    """What speaks for one rather than the other is where the reverse has nothing to show."""
    one = explain(model, picture, CLASSES, target=0, against=1)
    other = explain(model, picture, CLASSES, target=1, against=0)
    assert one.raw_maximum > 0
    assert other.raw_maximum > 0
    cells = [heat.heatmap[16:-16:32, 56:-56:32] for heat in (one, other)]
    assert not np.logical_and(cells[0] > 0.5, cells[1] > 0.5).any()


@pytest.mark.slow
def test_score_cam_of_all_channels_is_that_of_torchcam(
    model: ResNet, picture: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the order of enlarging and scaling a mask, which the paper has this way round."""
    monkeypatch.setattr(FewChannelScoreCAM, "CHANNELS", 64)
    found = explain(model, picture, CLASSES, target=1, method="scorecam", stage=Stage.LAYER1)
    x = to_input(picture).unsqueeze(0)
    with ScoreCAM(model, model.layer1) as theirs, torch.no_grad():
        model(x)
        expected = theirs(1, normalized=False)[0][0]
    assert found.raw_maximum == pytest.approx(float(expected.max()), rel=0.02)
    height, width = picture.shape[:2]
    theirs_placed = place((expected / expected.max()).numpy(), found.seen, height, width)
    np.testing.assert_allclose(found.heatmap, theirs_placed, atol=0.02)


def test_noise_takes_nothing_from_the_programs_random_state(model: ResNet, picture: Pixels) -> None:
    before = torch.get_rng_state()
    first = explain(model, picture, CLASSES, method="smoothgradcam++")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    again = explain(model, picture, CLASSES, method="smoothgradcam++")
    np.testing.assert_array_equal(first.heatmap, again.heatmap)


class _OneChannel(nn.Module):
    """Logits are +3 and -3 times the mean of what `layer4` gives: an average over 8 by 8 cells.

    So Grad-CAM of class 0 is 3 / (28 * 28) times the averaged red channel, and that of class 1
    is empty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layer4 = nn.Sequential(nn.Conv2d(3, 1, 8, 8, bias=False), nn.ReLU())
        self.weight = nn.Parameter(torch.tensor([3.0, -3.0]))
        with torch.no_grad():
            self.layer4[0].weight[:] = 0
            self.layer4[0].weight[0, 0] = 1 / 64

    def forward(self, x: Tensor) -> Tensor:
        return self.layer4(x).mean(dim=(1, 2, 3))[:, None] * self.weight


@pytest.fixture
def one_channel(monkeypatch: pytest.MonkeyPatch) -> _OneChannel:
    model = _OneChannel()
    monkeypatch.setattr(heatmap, "stage_modules", lambda m: {Stage.LAYER4: (m.layer4,)})
    return model


def white_square() -> Pixels:
    """Black, 256 by 256, with one white square of 64 at (96, 128) from the top left corner."""
    pixels = np.zeros((256, 256, 3), dtype=np.uint8)
    pixels[128:192, 96:160] = 255
    return pixels


def test_worked_example(one_channel: _OneChannel) -> None:
    found = explain(one_channel, white_square(), ("yes", "no"))
    white = (1 - 0.485) / 0.229
    assert found.raw_maximum == pytest.approx(3 / 28**2 * white, rel=1e-5)
    assert found.heatmap.max() == pytest.approx(1)
    assert found.heatmap[136:184, 104:152].min() > 0.99
    far = np.ones((256, 256), dtype=bool)
    far[120:200, 88:168] = False
    assert found.heatmap[far].max() == 0
    mean = (64 * white + (28**2 - 64) * max(0, -0.485 / 0.229)) / 28**2
    expected = 1 / (1 + np.exp(-6 * mean))
    assert found.probabilities[0] == pytest.approx(expected, rel=1e-5)


def test_no_evidence_is_an_empty_map_not_a_hot_spot(one_channel: _OneChannel) -> None:
    found = explain(one_channel, white_square(), ("yes", "no"), target=1)
    assert found.raw_maximum == 0
    assert not found.heatmap.any()


def test_the_map_lies_where_the_evidence_is_in_a_wide_picture(one_channel: _OneChannel) -> None:
    """600 by 300 pixels: only the 262.5 in the middle are seen."""
    pixels = np.zeros((300, 600, 3), dtype=np.uint8)
    pixels[90:130, 340:380] = 255
    found = explain(one_channel, pixels, ("yes", "no"))
    assert found.heatmap.shape == (300, 600)
    rows, columns = np.mgrid[:300, :600]
    centre = [float((axis * found.heatmap).sum() / found.heatmap.sum()) for axis in (rows, columns)]
    assert centre == pytest.approx([109.5, 359.5], abs=1.5)
    left, top, right, bottom = seen_box(600, 300)
    outside = (columns + 0.5 < left) | (columns + 0.5 > right)
    outside |= (rows + 0.5 < top) | (rows + 0.5 > bottom)
    assert not found.heatmap[outside].any()


def hooks(model: nn.Module) -> int:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def marks(model: nn.Module) -> tuple[object, ...]:
    """All that an explanation could leave on a network."""
    return (
        hooks(model),
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [parameter.grad is None for parameter in model.parameters()],
        {name: float(tensor.double().sum()) for name, tensor in model.state_dict().items()},
    )


def all_frozen(model: ResNet) -> None:
    model.eval().requires_grad_(False)


def half_training(model: ResNet) -> None:
    model.train()
    model.layer1.eval().requires_grad_(False)


@pytest.mark.parametrize("prepare", [all_frozen, half_training])
@pytest.mark.parametrize("method", list(METHODS))
def test_any_network_is_left_as_found(
    model: ResNet, picture: Pixels, method: str, prepare: Callable[[ResNet], None]
) -> None:
    plain = explain(model, picture, CLASSES, target=1, method=method)
    prepare(model)
    before = marks(model)
    found = explain(model, picture, CLASSES, target=1, method=method)
    assert marks(model) == before
    np.testing.assert_allclose(found.heatmap, plain.heatmap, atol=1e-4)


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("passes", [0, 1])
def test_nothing_is_left_behind_by_an_error(
    model: ResNet, picture: Pixels, method: str, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the first pass, nor in one of those that slow methods make on their own."""
    if passes and method not in SLOW:
        pytest.skip("makes one pass only")
    half_training(model)
    before = marks(model)
    left, forward = [passes], model.fc.forward

    def break_off(x: Tensor) -> Tensor:
        if not left[0]:
            raise RuntimeError("out of memory")
        left[0] -= 1
        return forward(x)

    with monkeypatch.context() as patch:
        patch.setattr(model.fc, "forward", break_off)
        with pytest.raises(RuntimeError, match="out of memory"):
            explain(model, picture, CLASSES, method=method)
    assert marks(model) == before
    assert explain(model, picture, CLASSES, method=method).raw_maximum >= 0


def test_the_callers_modes_do_not_matter(model: ResNet, picture: Pixels) -> None:
    plain = explain(model, picture, CLASSES)
    for mode in (torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16)):
        with mode:
            found = explain(model, picture, CLASSES)
        np.testing.assert_array_equal(found.heatmap, plain.heatmap)
        np.testing.assert_array_equal(found.probabilities, plain.probabilities)


def test_one_explanation_of_a_model_at_a_time(
    model: ResNet, picture: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = [explain(model, picture, CLASSES, target=target) for target in range(3)]
    found: dict[int, NDArray[np.float32]] = {}
    inside: list[int] = []
    most: list[int] = []
    forward = model.fc.forward

    def slow(x: Tensor) -> Tensor:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.05)  # long enough for the others to come in, if they may
        inside.pop()
        return forward(x)

    def work(target: int) -> None:
        found[target] = explain(model, picture, CLASSES, target=target).heatmap

    monkeypatch.setattr(model.fc, "forward", slow)
    threads = [threading.Thread(target=work, args=(target,)) for target in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1]
    assert hooks(model) == 0
    for target, alone in enumerate(plain):
        np.testing.assert_allclose(found[target], alone.heatmap, atol=1e-5)


def test_damaged_weights_give_no_class(model: ResNet, picture: Pixels) -> None:
    bias = next(reversed(list(model.fc.parameters())))
    kept = bias.detach().clone()
    try:
        with torch.no_grad():
            bias.fill_(float("nan"))
        with pytest.raises(ExplainError, match="no valid number for this picture"):
            explain(model, picture, CLASSES)
    finally:
        with torch.no_grad():
            bias.copy_(kept)
    assert hooks(model) == 0


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((31, 400, 3), dtype=np.uint8), "400 × 31 pixels, too small"),
        (np.full((64, 64, 3), 77, dtype=np.uint8), "one single grey value"),
    ],
)
def test_pictures_that_cannot_be_judged(model: ResNet, pixels: Pixels, words: str) -> None:
    with pytest.raises(ExplainError, match=words):
        explain(model, pixels, CLASSES)


def test_requests_that_make_no_sense(model: ResNet, picture: Pixels) -> None:
    with pytest.raises(ExplainError, match="The head has no heatmap"):
        explain(model, picture, CLASSES, stage=Stage.HEAD)
    with pytest.raises(ExplainError, match="no class number 3"):
        explain(model, picture, CLASSES, target=3)
    with pytest.raises(ExplainError, match="no class number -1"):
        explain(model, picture, CLASSES, target=0, against=-1)
    with pytest.raises(ExplainError, match="NORMAL cannot be compared with itself"):
        explain(model, picture, CLASSES, target=0, against=0)
    with pytest.raises(ExplainError, match="answers for 3 classes, but 2 are named"):
        explain(model, picture, CLASSES[:2])
    with pytest.raises(UnknownNameError, match="Did you mean 'gradcam'"):
        explain(model, picture, CLASSES, method="gradcan")
    assert hooks(model) == 0
