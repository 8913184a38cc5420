"""How many views are kept: by hand."""

import pytest

from medxfer.config import Depth, HeadConfig, Stage, StrategyConfig, TrainConfig
from medxfer.models.cost import cost
from medxfer.training.keeping import USUAL_VIEWS, Keeping, keeping
from medxfer.training.plan import Phase, plan

COST = cost(Depth.RESNET50, HeadConfig(), 2)
EACH = 1024 * 14 * 14 * 2
"""Bytes of what ResNet-50 hands to layer4 for one picture, in bfloat16 (He et al., table 1)."""


def phase(first: Stage = Stage.LAYER4, epochs: int = 30) -> Phase:
    return Phase("p", first.onwards, 1e-4, epochs)


def kept(
    wanted: int | None = None, limit: float = 1e12, epochs: int = 30, first: Stage = Stage.LAYER4
) -> Keeping | None:
    return keeping(phase(first, epochs), COST, 600, 100, wanted, limit, 2)


def test_bytes_and_passes_by_hand() -> None:
    found = kept(4)
    assert found == Keeping(Stage.LAYER4, 4, 4 * 600 + 100, (4 * 600 + 100) * EACH)
    head = keeping(phase(Stage.HEAD), COST, 600, 100, 4, 1e12, 4)
    assert head is not None
    assert head.bytes == (4 * 600 + 100) * 2048 * 4


def test_nothing_frozen_nothing_kept() -> None:
    assert kept(first=Stage.STEM) is None


def test_the_usual_number_where_it_saves_passes() -> None:
    assert kept(epochs=USUAL_VIEWS + 1).views == USUAL_VIEWS  # type: ignore[union-attr]
    few = kept(epochs=USUAL_VIEWS)
    assert few is not None
    assert (few.views, few.images, few.reason) == (0, 100, "")


def test_what_was_asked_for_is_kept_as_far_as_there_is_room() -> None:
    assert kept(9, epochs=9).views == 9  # type: ignore[union-attr]
    assert kept(9, epochs=2).views == 2  # type: ignore[union-attr]
    assert kept(0).views == 0  # type: ignore[union-attr]
    tight = kept(9, limit=(3 * 600 + 100) * EACH)
    assert tight is not None
    assert tight.views == 3
    assert "3 of 9" in tight.reason
    assert tight.bytes <= (3 * 600 + 100) * EACH


def test_without_room_for_validation_nothing_is_kept() -> None:
    assert kept(limit=100 * EACH - 1) == Keeping(
        Stage.LAYER4, 0, 0, 0, "there is too little room on the disk to keep features"
    )


@pytest.mark.parametrize("limit", [100 * EACH, (1 * 600 + 100) * EACH])
def test_without_room_images_are_varied_anew(limit: float) -> None:
    found = kept(limit=limit)
    assert found is not None
    assert found.views == 0
    assert "too little room" in found.reason


def test_every_phase_of_progressive_is_cut_anew() -> None:
    config = TrainConfig(data="d", strategy=StrategyConfig(name="progressive"), epochs=30)
    found = [keeping(p, COST, 600, 100, None, 1e12, 2) for p in plan(config)]
    assert [k.first if k else None for k in found] == [Stage.HEAD, Stage.LAYER3, None]
