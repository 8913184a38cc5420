"""Copies of real pictures, changed as copies are found in the wild."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw, ImageOps

Change = Callable[[Image.Image, random.Random], Image.Image]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as copy:
        copy.load()
        return copy.copy()


def _resized(image: Image.Image, chance: random.Random) -> Image.Image:
    factor = chance.choice([0.5, 0.75, 1.4])
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.BICUBIC)


def _cropped(image: Image.Image, chance: random.Random) -> Image.Image:
    """Width and height lose 4 to 10 %, at either side."""
    width, height = image.size
    wide, high = (side * (1 - chance.uniform(0.04, 0.10)) for side in image.size)
    left, top = (width - wide) * chance.random(), (height - high) * chance.random()
    return image.crop((round(left), round(top), round(left + wide), round(top + high)))


def _text(image: Image.Image, chance: random.Random) -> Image.Image:
    """Words in a corner, letters a tenth of the height."""
    copy = image.copy()
    place = (
        copy.width * chance.choice([0.03, 0.5]),
        copy.height * chance.choice([0.03, 0.85]),
    )
    white = 255 if copy.mode == "L" else (255, 255, 255)
    ImageDraw.Draw(copy).text(
        place, "PORTABLE 12:45", fill=white, font_size=max(12, copy.height // 10)
    )
    return copy


def _together(image: Image.Image, chance: random.Random) -> Image.Image:
    return _text(KINDS["brightness"](_cropped(image, chance), chance), chance)


KINDS: dict[str, Change] = {
    "exact": lambda image, chance: image,
    "resized": _resized,
    "squeezed": lambda image, chance: image.resize((224, 224), Image.Resampling.BICUBIC),
    "jpeg 50": lambda image, chance: _jpeg(image, 50),
    "mirrored": lambda image, chance: ImageOps.mirror(image),
    "cropped": _cropped,
    "brightness": lambda image, chance: image.point(
        [min(255, round(level * factor)) for factor in [chance.choice([0.8, 1.2])]
         for level in range(256)] * len(image.getbands())
    ),
    "gamma": lambda image, chance: image.point(
        [round(255 * (level / 255) ** power) for power in [chance.choice([0.8, 1.25])]
         for level in range(256)] * len(image.getbands())
    ),
    "text": _text,
    "crop, brightness, text": _together,
}  # fmt: skip
"""What is done to a copy; "exact" is written as BMP, all others as JPEG of quality 90."""


@dataclass(frozen=True)
class Planted:
    """A folder of pictures with planted copies."""

    folder: Path
    copies: pd.DataFrame
    """Columns original, copy (files within the folder) and kind."""


def plant(
    files: Sequence[Path], labels: Sequence[str], folder: Path, each: int, seed: int = 0
) -> Planted:
    """Write the pictures into a folder a label, and `each` copies of every kind beside them.

    Every original has one copy at most, as long as there are enough pictures.
    """
    chance = random.Random(seed)  # noqa: S311  (a draw of pictures)
    names = [f"{label}/{number:05d}{file.suffix.lower()}"
             for number, (file, label) in enumerate(zip(files, labels, strict=True))]  # fmt: skip
    for file, name in zip(files, names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(file.read_bytes())
    drawn = chance.sample(range(len(files)), min(len(files), each * len(KINDS)))
    rows: list[tuple[str, str, str]] = []
    for number, kind in enumerate(kind for kind in KINDS for _ in range(each)):
        place = drawn[number % len(drawn)]
        with Image.open(files[place]) as image:
            grey = image.mode in ("L", "I", "I;16", "F", "1")
            copy = KINDS[kind](image.convert("L" if grey else "RGB"), chance)
        suffix = "bmp" if kind == "exact" else "jpg"
        name = f"{labels[place]}/copy{number:05d}.{suffix}"
        copy.save(folder / name, quality=90)
        rows.append((names[place], name, kind))
    return Planted(folder, pd.DataFrame(rows, columns=["original", "copy", "kind"]))
