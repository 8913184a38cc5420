"""A network cut in two says what it says whole."""

import pytest
import torch
from torch import Tensor

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.models import prefix as prefix_module
from medxfer.models.cost import cost
from medxfer.models.freezing import let_learn
from medxfer.models.prefix import Prefix, suffix
from medxfer.models.resnet import ResNet, build

CUTS = list(Stage)[1:]


def trained(depth: Depth, head: HeadConfig | None = None) -> ResNet:
    """With batch-norm statistics that differ from the initial ones."""
    torch.manual_seed(0)
    model = build(depth, 3, head or HeadConfig(kind="linear")).train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(4, 3, 96, 96) * 0.7 + 0.3)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.6, 1.4)
                module.bias.uniform_(-0.2, 0.2)
    return model.eval()


@pytest.fixture(scope="module")
def inputs() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 3, 224, 224, generator=generator).contiguous(
        memory_format=torch.channels_last
    )


@pytest.mark.parametrize("first", CUTS)
@pytest.mark.parametrize("depth", [Depth.RESNET18, Depth.RESNET50])
@pytest.mark.parametrize("fused", [True, False])
def test_prefix_and_suffix_are_the_whole_network(
    depth: Depth, first: Stage, inputs: Tensor, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:
        monkeypatch.setattr(prefix_module, "_has_fused", lambda _: False)
    elif not prefix_module._has_fused(inputs):
        pytest.skip("this torch has no oneDNN")
    model = trained(depth)
    with torch.no_grad():
        whole = model(inputs)
        parts = suffix(model, first)(Prefix(model, first, torch.float32)(inputs))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5 * whole.abs().max().item() + 1e-6)


@pytest.mark.parametrize("depth", [Depth.RESNET18, Depth.RESNET50])
def test_bfloat16_stays_near_float32(depth: Depth, inputs: Tensor) -> None:
    model = trained(depth)
    exact = Prefix(model, Stage.HEAD, torch.float32)(inputs)
    rounded = Prefix(model, Stage.HEAD, torch.bfloat16)(inputs.to(torch.bfloat16)).float()
    assert (rounded - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("depth", Depth)
def test_the_shape_is_the_one_the_form_counts_with(depth: Depth) -> None:
    counted = cost(depth, HeadConfig(), 2).values_before
    with torch.device("meta"):
        model = build(depth, 2, HeadConfig())
    for first in CUTS:
        size = 1
        for side in _meta_shape(model, first):
            size *= side
        assert counted[first] == size


def _meta_shape(model: ResNet, first: Stage) -> tuple[int, ...]:
    """What torchvision's own modules hand to a stage."""
    seen: list[Tensor] = []
    module = model.fc if first is Stage.HEAD else getattr(model, first)
    handle = module.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    handle.remove()
    return tuple(seen[0].shape[1:])


def test_the_prefix_stays_when_the_network_learns(inputs: Tensor) -> None:
    model = trained(Depth.RESNET18)
    fixed = Prefix(model, Stage.LAYER2, torch.float32)
    before = fixed(inputs)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert torch.equal(fixed(inputs), before)
    assert not any(parameter.requires_grad for parameter in fixed.parameters())


def test_the_suffix_shares_weights_and_keeps_modes(inputs: Tensor) -> None:
    model = trained(Depth.RESNET18, HeadConfig())
    let_learn(model, Stage.LAYER4.onwards)
    rest = suffix(model, Stage.LAYER4)
    assert model.layer4[0].bn1.training
    assert not model.layer3[0].bn1.training
    features = Prefix(model, Stage.LAYER4, torch.float32)(inputs)
    rest(features).sum().backward()
    assert model.layer4[0].conv1.weight.grad is not None
    assert model.layer3[0].conv1.weight.grad is None


def test_no_module_keeps_a_hook() -> None:
    model = trained(Depth.RESNET18)
    Prefix(model, Stage.HEAD, torch.float32)
    suffix(model, Stage.LAYER3)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
