"""Contact sheets: every picture of a cell in its place, with its heatmap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision.models import ResNet

from medxfer.config import Depth, HeadConfig
from medxfer.errors import ImageError
from medxfer.evaluation.predictions import Predictions
from medxfer.explain.faithfulness import Step
from medxfer.explain.heatmap import explain
from medxfer.explain.sheet import Tile, contact_sheet, tiles_of_cell
from medxfer.models.resnet import build
from medxfer.working import ended
from tests.explain.squares import heat_of, picture_of


@pytest.fixture(scope="module")
def model() -> ResNet:
    torch.manual_seed(0)
    return build(Depth.RESNET18, 2, HeadConfig(kind="linear"))


@pytest.fixture
def predictions() -> Predictions:
    """Five pictures of class a: three called b, the second of them most confidently."""
    facts = pd.DataFrame(
        {
            "image": list("vwxyz"),
            "file": [f"{name}.png" for name in "vwxyz"],
            "patient": list("vwxyz"),
            "split": "test",
        }
    )
    logits = np.array([[0, 1.0], [0, 3], [2, 0], [0, 2], [4, 0]])
    return Predictions(("a", "b"), facts, np.zeros(5, dtype=np.int64), logits)


def test_the_pictures_of_a_cell(model: ResNet, predictions: Predictions) -> None:
    """The most confident first; one that cannot be read says so in its place."""
    pixels = {"v.png": picture_of(10, 10), "w.png": picture_of(100, 50)}

    def read(file: str) -> np.ndarray:
        if file not in pixels:
            raise ImageError(f"{file} is damaged.", "Get it again.")
        return pixels[file]

    steps = tiles_of_cell(model, predictions, 0, 1, read)
    told: list[Step] = []
    tiles = ended(steps, told.append)
    assert [(step.done, step.total) for step in told] == [(1, 3), (2, 3), (3, 3)]
    assert [tile.caption for tile in tiles] == [
        "1: b 95.3 %", "2: b 88.1 %. y.png is damaged.", "3: b 73.1 %",
    ]  # fmt: skip
    assert tiles[1].pixels is None
    expected = explain(model, pixels["w.png"], ("a", "b"), target=1)
    np.testing.assert_array_equal(tiles[0].heatmap, expected.heatmap)


def test_of_a_large_picture_no_more_is_kept_than_a_sheet_shows(
    model: ResNet, predictions: Predictions
) -> None:
    large = np.repeat(np.repeat(picture_of(100, 50), 6, axis=0), 6, axis=1)[:, :1000]
    tiles = ended(tiles_of_cell(model, predictions, 0, 1, lambda _: large))
    shapes = {(tile.pixels.shape, tile.heatmap.shape) for tile in tiles}
    assert shapes == {((512, 333, 3), (512, 333))}
    whole = Tile(tiles[0].caption, large, explain(model, large, ("a", "b"), target=1).heatmap)
    apart = contact_sheet(tiles[:1]).astype(int) - contact_sheet([whole]).astype(int)
    assert np.abs(apart).mean() < 2


def test_an_empty_cell_is_an_empty_sheet(model: ResNet, predictions: Predictions) -> None:
    with pytest.raises(StopIteration) as end:
        next(tiles_of_cell(model, predictions, 1, 0, picture_of))  # type: ignore[arg-type]
    assert end.value.value == []
    assert contact_sheet([]).ndim == 3


def test_each_tile_is_picture_and_overlay() -> None:
    """A wide grey picture keeps its proportions; heat changes the right half only."""
    grey = np.full((100, 200, 3), 120, dtype=np.uint8)
    hot = np.ones((100, 200), dtype=np.float32)
    plain = contact_sheet([Tile("one", grey, np.zeros_like(hot))])
    with_heat = contact_sheet([Tile("one", grey, hot)])
    changed = (plain != with_heat).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (columns.min(), columns.max()) == (8 + 168, 8 + 2 * 168 - 1)
    assert np.ptp(rows) + 1 == 84
    assert (plain[8 + 84, 8 : 8 + 168] == 120).all()


def test_sheets_grow_by_rows_of_three() -> None:
    tile = Tile("x" * 300, picture_of(0, 0), heat_of(0, 0))
    one, three, four = (contact_sheet([tile] * count).shape for count in (1, 3, 4))
    assert one[0] == three[0] < four[0]
    assert one[1] < three[1] == four[1]


def test_a_long_caption_is_cut() -> None:
    """Nothing runs into the neighbour: letters end where the tile ends."""
    short = contact_sheet([Tile("a"), Tile("b")])
    long = contact_sheet([Tile("a" * 400), Tile("b")])
    half = short.shape[1] // 2
    np.testing.assert_array_equal(short[:, half + 4 :], long[:, half + 4 :])
