"""Do these weights fit this ResNet? Strictly, the head aside, and before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from medxfer.config import Depth, HeadConfig
from medxfer.errors import WeightsError
from medxfer.models.resnet import HEAD_PREFIX, build
from medxfer.models.weights.keys import CHOOSE_OTHERS

_BLOCK = re.compile(r"layer([1-4])\.(\d+)\.conv1\.weight")
_BACKBONE_PART = re.compile(r"(conv|bn|layer)\d")
_COUNTER = "num_batches_tracked"
"""Batch norm's counter of batches: absent from older files, of no effect on a prediction."""

_DEPTH_BY_BLOCKS: dict[tuple[bool, tuple[int, ...]], Depth] = {
    (False, (2, 2, 2, 2)): Depth.RESNET18,
    (False, (3, 4, 6, 3)): Depth.RESNET34,
    (True, (3, 4, 6, 3)): Depth.RESNET50,
    (True, (3, 4, 23, 3)): Depth.RESNET101,
    (True, (3, 8, 36, 3)): Depth.RESNET152,
}
"""By three-convolution blocks or not, and blocks in each stage (He et al. 2016, table 1)."""


def depth_of(state: Mapping[str, Tensor]) -> Depth | None:
    """The depth these weights look like by their names; None if like no ResNet known here."""
    found = {match.groups() for name in state if (match := _BLOCK.fullmatch(name))}
    blocks = tuple(sum(stage == str(number) for stage, _ in found) for number in range(1, 5))
    return _DEPTH_BY_BLOCKS.get(("layer1.0.conv3.weight" in state, blocks))


def fitted(state: Mapping[str, Tensor], depth: Depth, source: str) -> dict[str, Tensor]:
    """The backbone's weights in float32, every one of them present, of its shape and finite.

    `state` has torchvision's names; `source` begins the sentence of an error.

    Raises:
        WeightsError: the weights are of another depth or design, incomplete or not finite.
    """
    looks_like = depth_of(state)
    if looks_like not in (None, depth):
        raise WeightsError(
            f"{source} holds a ResNet-{looks_like}, not the ResNet-{depth} chosen.",
            f"Choose depth {looks_like}, or other weights.",
        )
    expected = _backbone(depth)
    _refuse_other_design(state, expected, depth, source)
    counters = {
        name: torch.zeros(shape, dtype=torch.int64)
        for name, shape in expected.items()
        if name.endswith(_COUNTER)
    }
    weights = {
        name: state[name].detach().to(torch.float32) for name in expected if name not in counters
    }
    broken = [name for name, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise WeightsError(
            f"{source} holds numbers that are not finite in {len(broken)} of {len(weights)} "
            f"entries, the first {broken[0]}; a model with them would answer at random.",
            CHOOSE_OTHERS,
        )
    return weights | counters


def _refuse_other_design(
    state: Mapping[str, Tensor], expected: Mapping[str, torch.Size], depth: Depth, source: str
) -> None:
    missing = [name for name in expected if name not in state and not name.endswith(_COUNTER)]
    if missing:
        raise WeightsError(
            f"{source} lacks {len(missing)} entries of a ResNet-{depth}, {_where(missing)}.",
            CHOOSE_OTHERS,
        )
    extra = [name for name in state if name not in expected and _BACKBONE_PART.match(name)]
    if extra:
        raise WeightsError(
            f"{source} holds {len(extra)} entries that a ResNet-{depth} has no place for, the "
            f"first {extra[0]}: it is of another design.",
            CHOOSE_OTHERS,
        )
    channels = state["conv1.weight"].shape[1:2]
    if channels != expected["conv1.weight"][1:2]:
        raise WeightsError(
            f"{source} was made for pictures of {_size(channels)} channel(s); here every picture "
            "has three, grey ones too.",
            CHOOSE_OTHERS,
        )
    for name, shape in expected.items():
        if name not in state or name.endswith(_COUNTER):
            continue
        if not _is_plain(state[name]):
            raise WeightsError(
                f"{source} holds {name} as {state[name].dtype}, not as plain decimal numbers.",
                CHOOSE_OTHERS,
            )
        if state[name].shape != shape:
            raise WeightsError(
                f"{source} does not fit a ResNet-{depth}: {name} is {_size(state[name].shape)} "
                f"there and {_size(shape)} here.",
                CHOOSE_OTHERS,
            )


def _is_plain(value: Tensor) -> bool:
    return value.is_floating_point() and value.layout is torch.strided and not value.is_meta


@lru_cache
def _backbone(depth: Depth) -> dict[str, torch.Size]:
    with torch.device("meta"):
        model = build(depth, 2, HeadConfig(kind="linear"))
    return {
        name: value.shape
        for name, value in model.state_dict().items()
        if not name.startswith(HEAD_PREFIX)
    }


def _where(missing: list[str]) -> str:
    parts = list(dict.fromkeys(name.partition(".")[0] for name in missing))
    return f"in {', '.join(parts)}, the first {missing[0]}"


def _size(shape: torch.Size) -> str:
    return " × ".join(map(str, shape)) or "a single number"
