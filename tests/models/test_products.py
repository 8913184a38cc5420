"""Convolutions as matrix products, against torch's convolution."""

import pytest
import torch
import torchvision
from torch import nn

from medxfer.config import Depth, HeadConfig
from medxfer.models.products import Pointwise, Wide, use_products
from medxfer.models.resnet import build

KINDS = {
    Pointwise: lambda stride, bias: nn.Conv2d(24, 40, 1, stride=stride, bias=bias),
    Wide: lambda stride, _: nn.Conv2d(24, 512, 3, stride=stride, padding=1, bias=False),
}


def both(kind: type[nn.Conv2d], stride: int, *, bias: bool) -> tuple[nn.Conv2d, nn.Conv2d]:
    torch.manual_seed(0)
    plain = nn.Sequential(KINDS[kind](stride, bias))
    product = nn.Sequential(KINDS[kind](stride, bias))
    product.load_state_dict(plain.state_dict())
    use_products(product)
    assert isinstance(product[0], kind)
    return plain[0], product[0]  # type: ignore[return-value]


@pytest.mark.parametrize(("kind", "bias"), [(Pointwise, False), (Pointwise, True), (Wide, False)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("first", [False, True], ids=["behind others", "first"])
def test_values_and_gradients_are_those_of_the_convolution(
    kind: type[nn.Conv2d], bias: bool, stride: int, memory: torch.memory_format, first: bool
) -> None:
    plain, product = both(kind, stride, bias=bias)
    given = torch.randn(3, 24, 9, 7).to(torch.bfloat16).contiguous(memory_format=memory)
    upstream: torch.Tensor | None = None
    results = []
    for layer in (plain, product):
        inputs = given.clone(memory_format=torch.preserve_format).requires_grad_(not first)
        with torch.autocast("cpu", torch.bfloat16):
            found = layer(inputs)
        upstream = torch.randn_like(found) if upstream is None else upstream
        found.backward(upstream)
        assert (inputs.grad is None) == first
        grads = [parameter.grad for parameter in layer.parameters()]
        results.append([found, *([] if inputs.grad is None else [inputs.grad]), *grads])
    for found, expected in zip(results[1], results[0], strict=True):
        assert found is not None
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found.float(), expected.float(), rtol=2e-2, atol=6e-2)


def test_frozen_weights_pass_the_gradient_on() -> None:
    plain, product = both(Wide, 1, bias=False)
    given = torch.randn(2, 24, 8, 8).to(torch.bfloat16)
    gradients = []
    for layer in (plain, product):
        layer.requires_grad_(False)
        inputs = given.clone().requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16):
            layer(inputs).sum().backward()
        assert layer.weight.grad is None
        gradients.append(inputs.grad)
    assert torch.equal(gradients[0], gradients[1])


@pytest.mark.parametrize("kind", [Pointwise, Wide])
def test_in_float32_it_is_the_convolution_to_the_last_bit(kind: type[nn.Conv2d]) -> None:
    plain, product = both(kind, 2, bias=True)
    inputs = torch.randn(2, 24, 8, 8)
    assert torch.equal(plain(inputs), product(inputs))


@pytest.mark.parametrize("kind", [Pointwise, Wide])
def test_channels_stay_last(kind: type[nn.Conv2d]) -> None:
    _, product = both(kind, 2, bias=False)
    inputs = (
        torch.randn(2, 24, 8, 8).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    )
    with torch.autocast("cpu", torch.bfloat16):
        assert product(inputs).is_contiguous(memory_format=torch.channels_last)


def test_a_resnet_has_its_names_its_numbers_and_its_random_weights() -> None:
    torch.manual_seed(3)
    model = build(Depth.RESNET50, 2, HeadConfig(kind="linear"))
    products = [name for name, module in model.named_modules() if isinstance(module, Pointwise)]
    assert len(products) == 2 * 16 + 4
    assert sum(isinstance(module, Wide) for module in model.modules()) == 3
    after = torch.rand(1)
    torch.manual_seed(3)
    plain = torchvision.models.resnet50(weights=None)
    plain.fc = nn.Linear(2048, 2)
    assert torch.equal(torch.rand(1), after)
    expected = plain.state_dict()
    assert list(model.state_dict()) == list(expected)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
