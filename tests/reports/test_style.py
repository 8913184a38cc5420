"""What is written in a report can be read: contrast by WCAG 2.2, on light, on dark and on paper."""

from __future__ import annotations

import re

import pytest

from medxfer.reports.style import STYLE
from medxfer.reports.svg import _DARKEST

Colour = tuple[float, float, float]


def palettes() -> dict[str, dict[str, Colour]]:
    found = [
        dict(re.findall(r"--(\w+):(#[0-9a-f]+)", block))
        for block in re.findall(r":root\{(.*?)\}", STYLE, flags=re.DOTALL)
    ]
    return {
        name: {key: rgb(value) for key, value in block.items()}
        for name, block in zip(("light", "dark", "paper"), found, strict=True)
    }


def rgb(value: str) -> Colour:
    digits = value[1:] if len(value) == 7 else "".join(letter * 2 for letter in value[1:])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", palettes())
def test_text_stands_out_from_its_ground(name: str) -> None:
    colours = palettes()[name]
    pairs = [("ink", "paper"), ("faint", "paper"), ("accent", "paper"), ("warn", "paper"),
             ("ink", "wash"), ("ink", "warnwash"), ("warn", "warnwash")]  # fmt: skip
    for ink, ground in pairs:
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for mark in ("k0", "k1", "k2", "k3"):
        assert contrast(colours[mark], colours["paper"]) >= 3, mark
    fullest = zip(colours["k0"], colours["wash"], strict=True)
    red, green, blue = (_DARKEST * over + (1 - _DARKEST) * under for over, under in fullest)
    assert contrast(colours["ink"], (red, green, blue)) >= 4.5
