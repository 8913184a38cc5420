"""Small charts as SVG text: no script, no picture, colours from the page's own style.

Every chart has a title and a description for those who cannot see it. Classes (`axis`, `grid`,
`mark`, `band`, `ink`, `faint`, `cell`) are coloured by the page, so that the same drawing reads on
light, on dark and on paper. Lines differ by their dashes too, not by colour alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from medxfer.evaluation.predictions import Ints

_SIZE, _LEFT, _RIGHT, _TOP, _BOTTOM = 300, 62, 18, 12, 44
_ROW, _LABEL, _BAR = 26, 190, 300
_LEGEND_ROW = 18
_LETTERS = 26
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_KINDS = 4
_DARKEST = 0.45
"""Opacity of a full cell: the number on it must be read, on light and on dark."""
_LEGEND = 42
_MOST_CELLS = 12


@dataclass(frozen=True)
class Line:
    """A curve in the unit square, or below a given height; `low` and `high` are its band."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dots: bool = False


@dataclass(frozen=True)
class Bar:
    """One row of a bar or interval chart."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    text: str = ""
    """Behind the bar; else the value."""
    faint: bool = False


def plot(
    title: str,
    description: str,
    lines: Sequence[Line],
    axes: tuple[str, str],
    *,
    diagonal: bool = False,
    ranges: tuple[tuple[float, float], tuple[float, float]] = ((0, 1), (0, 1)),
) -> str:
    """Curves over two axes, each with its band; `ranges` are those of x and y."""
    (x0, x1), (y0, y1) = ranges
    width, legend = _SIZE + _LEFT + _RIGHT, _LEGEND_ROW * len(lines)

    def place(x: float, y: float) -> str:
        right = _LEFT + _SIZE * (x - x0) / ((x1 - x0) or 1)
        down = _TOP + _SIZE * (1 - (y - y0) / ((y1 - y0) or 1))
        return f"{right:.1f},{down:.1f}"

    parts = [_frame(axes, ranges)]
    if diagonal:
        start, end = place(x0, y0).split(","), place(x1, y1).split(",")
        parts.append(
            f'<line class="faint" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>'
        )
    for index, line in enumerate(lines):
        kind = index % _KINDS
        if line.low is not None and line.high is not None:
            up = [place(x, y) for x, y in zip(line.x, line.high, strict=True)]
            down = [place(x, y) for x, y in zip(line.x, line.low, strict=True)]
            outline = " ".join([*up, *reversed(down)])
            parts.append(f'<polygon class="band k{kind}" points="{outline}"/>')
        points = [place(x, y) for x, y in zip(line.x, line.y, strict=True)]
        dash = f' stroke-dasharray="{_DASHES[kind]}"' if _DASHES[kind] else ""
        parts.append(f'<polyline class="mark k{kind}" points="{" ".join(points)}"{dash}/>')
        if line.dots:
            parts += [
                '<circle class="dot k{}" cx="{}" cy="{}" r="3"/>'.format(kind, *point.split(","))
                for point in points
            ]
        y = _TOP + _SIZE + _BOTTOM + _LEGEND_ROW * index + 4
        parts.append(
            f'<line class="mark k{kind}" x1="{_LEFT}" y1="{y}" x2="{_LEFT + 26}" y2="{y}"{dash}/>'
            f'<text class="ink" x="{_LEFT + 34}" y="{y + 4}">{_cut(line.label, _LEGEND)}</text>'
        )
    return _sheet(title, description, width, _TOP + _SIZE + _BOTTOM + legend + 4, parts)


def bars(title: str, description: str, rows: Sequence[Bar]) -> str:
    """One horizontal bar a row, as long as its part of the largest value."""
    most = max((row.value for row in rows), default=0) or 1
    parts = []
    for index, row in enumerate(rows):
        y, length = _TOP + _ROW * index, _BAR * row.value / most
        cls = "bar faintbar" if row.faint else "bar"
        shown = row.text or f"{row.value:,.0f}"
        parts.append(
            f"{_label(row.label, y)}"
            f'<rect class="{cls}" x="{_LABEL}" y="{y + 4}" width="{max(length, 1):.1f}" '
            f'height="{_ROW - 9}" rx="2"/>'
            f'<text class="ink" x="{_LABEL + length + 8:.1f}" y="{y + 17}">{escape(shown)}</text>'
        )
    width = _LABEL + _BAR + 150
    return _sheet(title, description, width, _TOP + _ROW * len(rows) + 6, parts)


def intervals(title: str, description: str, rows: Sequence[Bar], reference: float | None) -> str:
    """One figure with its interval a row, between 0 and 1; a line stands at `reference`."""
    height = _ROW * len(rows)
    parts = [
        f'<line class="grid" x1="{_across(tick)}" y1="{_TOP}" x2="{_across(tick)}" '
        f'y2="{_TOP + height}"/><text class="ink mid" x="{_across(tick)}" '
        f'y="{_TOP + height + 16}">{tick:g}</text>'
        for tick in (0, 0.25, 0.5, 0.75, 1)
    ]
    if reference is not None:
        at = _across(reference)
        parts.append(f'<line class="faint" x1="{at}" y1="{_TOP}" x2="{at}" y2="{_TOP + height}"/>')
    for index, row in enumerate(rows):
        y = _TOP + _ROW * index + _ROW / 2
        parts.append(_label(row.label, y - _ROW / 2))
        if row.low is not None and row.high is not None:
            parts.append(
                f'<line class="mark k0" x1="{_across(row.low)}" y1="{y}" '
                f'x2="{_across(row.high)}" y2="{y}"/>'
            )
        parts.append(
            f'<circle class="dot k0" cx="{_across(row.value)}" cy="{y}" r="4"/>'
            f'<text class="ink" x="{_LABEL + _BAR + 14}" y="{y + 4}">{escape(row.text)}</text>'
        )
    return _sheet(title, description, _LABEL + _BAR + 180, _TOP + height + 24, parts)


def confusion(title: str, description: str, counts: Ints, classes: Sequence[str]) -> str:
    """Images by true class (rows) and called class (columns); darker is a larger part of a row."""
    size = min(84, max(36, 360 // max(len(classes), 1)))
    left, top = _LABEL - 40, 46
    parts = [
        f'<text class="ink mid" x="{left + size * len(classes) / 2:.0f}" y="14">'
        "Called by the network</text>"
    ]
    for index, name in enumerate(classes):
        x, y = left + size * (index + 0.5), top + size * (index + 0.5)
        letters = max(3, size // 7)
        parts.append(
            f'<text class="ink mid" x="{x:.0f}" y="{top - 8}">{_cut(name, letters)}</text>'
            f'<text class="ink end" x="{left - 8}" y="{y + 4:.0f}">{_cut(name, 18)}</text>'
        )
    for row in range(len(classes)):
        whole = int(counts[row].sum())
        for column in range(len(classes)):
            value = int(counts[row, column])
            part = value / whole if whole else 0.0
            x, y = left + size * column, top + size * row
            parts.append(
                f'<rect class="cell" x="{x}" y="{y}" width="{size - 2}" height="{size - 2}"/>'
                f'<rect class="fill" x="{x}" y="{y}" width="{size - 2}" height="{size - 2}" '
                f'fill-opacity="{_DARKEST * part:.2f}"/>'
                f'<text class="ink mid" x="{x + size / 2 - 1:.0f}" y="{y + size / 2 + 4:.0f}">'
                f"{value:,}</text>"
            )
    side = size * len(classes)
    return _sheet(title, description, left + max(side, 160) + 10, top + side + 6, parts)


def drawable(classes: Sequence[str]) -> bool:
    """Whether a confusion matrix of these can still be read as a drawing."""
    return len(classes) <= _MOST_CELLS


def _frame(axes: tuple[str, str], ranges: tuple[tuple[float, float], tuple[float, float]]) -> str:
    (x0, x1), (y0, y1) = ranges
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = _LEFT + _SIZE * tick, _TOP + _SIZE * (1 - tick)
        bottom = _TOP + _SIZE
        parts.append(
            f'<line class="grid" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>'
            f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{_LEFT + _SIZE}" y2="{y}"/>'
            f'<text class="ink mid" x="{x}" y="{bottom + 16}">{x0 + tick * (x1 - x0):.3g}</text>'
            f'<text class="ink end" x="{_LEFT - 6}" y="{y + 4}">{y0 + tick * (y1 - y0):.3g}</text>'
        )
    middle = _TOP + _SIZE / 2
    parts.append(
        f'<rect class="axis" x="{_LEFT}" y="{_TOP}" width="{_SIZE}" height="{_SIZE}"/>'
        f'<text class="ink mid" x="{_LEFT + _SIZE / 2}" y="{_TOP + _SIZE + 32}">'
        f"{escape(axes[0])}</text>"
        f'<text class="ink mid" transform="rotate(-90 12 {middle})" x="12" y="{middle}">'
        f"{escape(axes[1])}</text>"
    )
    return "".join(parts)


def _across(value: float) -> str:
    return f"{_LABEL + 6 + (_BAR - 12) * min(max(value, 0), 1):.1f}"


def _label(text: str, y: float) -> str:
    return f'<text class="ink end" x="{_LABEL - 8}" y="{y + 17}">{_cut(text, _LETTERS)}</text>'


def _cut(text: str, letters: int) -> str:
    return escape(text if len(text) <= letters else text[: letters - 1] + "…")


def _sheet(title: str, description: str, width: float, height: float, parts: Sequence[str]) -> str:
    name = f"c{hashlib.sha256((title + description).encode()).hexdigest()[:8]}"
    size = f"{width:.0f} {height:.0f}"
    return (
        f'<svg role="img" aria-labelledby="{name}t {name}d" viewBox="0 0 {size}" '
        f'width="{width:.0f}" height="{height:.0f}"><title id="{name}t">{escape(title)}</title>'
        f'<desc id="{name}d">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )
