"""Names of weights: from what others call them to what torchvision calls them.

torchvision and timm name a ResNet's parts `conv1`, `bn1`, `layer1` … `layer4`, `fc`. RadImageNet
saved `nn.Sequential(*children)`, where the same parts are `backbone.0`, `.1`, `.4` … `.7`.
Around either, training code adds what it likes: `module.`, `model.`, `encoder.`, a `state_dict`
entry. A ResNet is therefore found by its own first block, whatever stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from medxfer.errors import WeightsError

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
_MOST_WRAPPERS = 4
"""A dictionary that holds itself must not be unwrapped for ever."""

_NAMED = re.compile(r"((?:.*\.)?)layer1\.0\.conv1\.weight")
_NUMBERED = re.compile(r"((?:.*\.)?)4\.0\.conv1\.weight")
_NAME_BY_NUMBER = {
    "0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4",
}  # fmt: skip
_SHOWN = 3


def unwrap(stored: Any) -> dict[str, Tensor]:
    """The tensors by name of what a file held, out of a wrapper such as `state_dict`."""
    for _ in range(_MOST_WRAPPERS):
        if not isinstance(stored, Mapping):
            return {}
        inner = (stored[name] for name in _WRAPPERS if isinstance(stored.get(name), Mapping))
        found = next(inner, None)
        if found is None:
            break
        stored = found
    return {str(name): value for name, value in stored.items() if isinstance(value, Tensor)}


def to_torchvision(state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The weights of the one ResNet in `state`, under torchvision's names.

    What stands beside the ResNet (a classifier, a loss) is left out; what stands in it, a head
    included, is kept.

    Raises:
        WeightsError: there is no ResNet in it, or more than one.
    """
    prefixes = {(match[1], False) for match in _matches(_NAMED, state)}
    prefixes |= {
        (match[1], True) for match in _matches(_NUMBERED, state) if f"{match[1]}0.weight" in state
    }
    if not prefixes:
        raise WeightsError(f"{source} holds no ResNet: {_shown(state)}.", CHOOSE_OTHERS)
    if len(prefixes) > 1:
        names = ", ".join(sorted(f"'{prefix}'" for prefix, _ in prefixes))
        raise WeightsError(
            f"{source} holds {len(prefixes)} networks, under {names}.",
            "Save the one to use into a file of its own.",
        )
    ((prefix, numbered),) = prefixes
    inside = {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
    return {_named(name): value for name, value in inside.items()} if numbered else inside


CHOOSE_OTHERS = "Choose another file, another run, 'imagenet' or 'none'."
"""What a person can do about weights that cannot be used."""


def _named(name: str) -> str:
    number, dot, rest = name.partition(".")
    return _NAME_BY_NUMBER.get(number, number) + dot + rest


def _matches(pattern: re.Pattern[str], names: Iterable[str]) -> list[re.Match[str]]:
    return [match for name in names if (match := pattern.fullmatch(name))]


def _shown(state: Mapping[str, Tensor]) -> str:
    if not state:
        return "no weights were found in it"
    more = ", …" if len(state) > _SHOWN else ""
    return "its entries are " + ", ".join(list(state)[:_SHOWN]) + more
