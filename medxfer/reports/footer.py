"""A strip of text below a picture, part of its pixels so that no copy loses it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

_NARROWEST = 360
_SMALLEST_LETTERS = 12
_INK, _PAPER = (235, 235, 235), (20, 20, 20)


def with_footer(pixels: NDArray[np.uint8], lines: Sequence[str]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) above a dark strip with these lines, wrapped to its width.

    A picture narrower than 360 pixels is centred on a wider sheet; none is resampled.
    """
    height, width = pixels.shape[:2]
    sheet_width = max(width, _NARROWEST)
    size = max(_SMALLEST_LETTERS, sheet_width // 45)
    font = ImageFont.load_default(size)
    if not isinstance(font, FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType")
    wrapped = [row for line in lines for row in _wrap(line, font, sheet_width - 2 * size)]
    step = round(1.4 * size)
    sheet = Image.new("RGB", (sheet_width, height + size + step * len(wrapped)), _PAPER)
    sheet.paste(Image.fromarray(pixels), ((sheet_width - width) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(wrapped):
        draw.text((size, height + size // 2 + step * number), row, fill=_INK, font=font)
    return np.asarray(sheet)


def _wrap(line: str, font: FreeTypeFont, width: int) -> Iterator[str]:
    """The words of a line in rows of at most `width` pixels; a longer word is cut into pieces."""
    row = ""
    for word in line.split():
        if row and font.getlength(f"{row} {word}") > width:
            yield row
            row = word
        else:
            row = f"{row} {word}".strip()
        while font.getlength(row) > width:
            fits = max(1, sum(font.getlength(row[:end]) <= width for end in range(1, len(row))))
            yield row[:fits]
            row = row[fits:]
    if row:
        yield row
