"""A contact sheet: many pictures with their heatmaps on one page, as of a confusion-matrix cell."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from medxfer.config import Stage
from medxfer.errors import MedxferError
from medxfer.evaluation.confusion import cell
from medxfer.evaluation.predictions import Predictions
from medxfer.explain.faithfulness import Step
from medxfer.explain.heatmap import explain
from medxfer.explain.overlay import blend, shrunk
from medxfer.explain.placing import Heat

Bytes = NDArray[np.uint8]

MOST = 24
"""Pictures on a sheet."""
_SIDE, _GAP, _LETTERS = 168, 8, 12
_COLUMNS = 3
"""Pixels of a picture's side, between tiles, of letters; tiles side by side."""
_KEPT = 512
"""Pixels of the longer side that `tiles_of_cell` keeps: 24 whole radiographs take gigabytes."""
_INK, _PAPER = (235, 235, 235), (20, 20, 20)
_OPACITY = 0.5


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture (H, W, 3), its heatmap (H, W), and a line below them.

    Without a picture the line says why.
    """

    caption: str
    pixels: Bytes | None = None
    heatmap: Heat | None = None


def contact_sheet(tiles: Sequence[Tile], colour_map: str = "inferno") -> Bytes:
    """RGB (H, W, 3): of each tile the picture, beside it the same under its heatmap.

    A stamp is for the caller to add below (`reports.exports.sheet_png`).
    """
    across = min(_COLUMNS, max(1, len(tiles)))
    down = max(1, -(-len(tiles) // across))
    width, height = 2 * _SIDE + _GAP, _SIDE + 2 * _LETTERS + _GAP
    sheet = Image.new("RGB", (across * width + _GAP, down * height + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LETTERS)
    for number, tile in enumerate(tiles):
        x, y = _GAP + number % across * width, _GAP + number // across * height
        if tile.pixels is not None:
            sheet.paste(_small(tile.pixels), (x, y))
            heat = np.zeros(tile.pixels.shape[:2], np.float32)
            heat = heat if tile.heatmap is None else tile.heatmap
            sheet.paste(_small(blend(tile.pixels, heat, _OPACITY, colour_map)), (x + _SIDE, y))
        caption = tile.caption
        while caption and draw.textlength(caption, font) > 2 * _SIDE:
            caption = caption[:-2].rstrip("…") + "…"
        draw.text((x, y + _SIDE + 2), caption, fill=_INK, font=font)
    return np.asarray(sheet)


def tiles_of_cell(
    model: nn.Module,
    predictions: Predictions,
    truth: int,
    predicted: int,
    read: Callable[[str], Bytes],
    *,
    most: int = MOST,
    method: str = "gradcam",
    stage: Stage = Stage.LAYER4,
) -> Generator[Step, None, list[Tile]]:
    """The pictures of one cell of the confusion matrix, the most confident answers first.

    `truth` and `predicted` are class indices; the heatmaps are of the predicted class. `read`
    gives the pixels (H, W, 3) of an entry of the predictions' `file`. A picture that cannot be
    read or explained says so in its place.
    """
    table = cell(predictions, truth, predicted).head(most)
    name = predictions.classes[predicted]
    tiles: list[Tile] = []
    for row in table.to_dict("records"):
        caption = f"{len(tiles) + 1}: {name} {100 * row[f'p({name})']:.1f} %"
        try:
            pixels = read(str(row["file"]))
            found = explain(
                model, pixels, predictions.classes, target=predicted, method=method, stage=stage
            )
            tiles.append(Tile(caption, shrunk(pixels, _KEPT), shrunk(found.heatmap, _KEPT)))
        except MedxferError as error:
            tiles.append(Tile(f"{caption}. {error.problem}"))
        yield Step(len(tiles), len(table))
    return tiles


def _small(pixels: Bytes) -> Image.Image:
    """The picture on a square of the sheet, whole and in its own proportions."""
    image = Image.fromarray(pixels)
    scale = _SIDE / max(image.size)
    size = tuple(max(1, round(scale * side)) for side in image.size)
    image = image.resize((size[0], size[1]), Image.Resampling.BILINEAR)
    square = Image.new("RGB", (_SIDE, _SIDE), _PAPER)
    square.paste(image, ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2))
    return square
