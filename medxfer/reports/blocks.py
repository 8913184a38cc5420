"""What a report is made of, as values: sections of text, lists, tables and charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from medxfer.evaluation.estimate import Estimate

NOT_DEFINED = "not defined"


class Tone(StrEnum):
    """How a paragraph is set."""

    PLAIN = "plain"
    NOTE = "note"
    WARNING = "warning"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows under a caption; the first column names the row.

    The first `words` columns hold words, those behind them figures, which stand to the right.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True)
class Chart:
    """A drawing, and in words what is to be seen in it."""

    title: str
    description: str
    svg: str


Block = Text | Points | Table | Chart


@dataclass(frozen=True)
class Section:
    """A numbered part of a report; `key` is its anchor."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A report from top to bottom.

    `facts` stand under the title; `summary` is what a reader who stops there must know.
    """

    title: str
    notice: str
    facts: tuple[tuple[str, str], ...]
    summary: tuple[Block, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...]


def facts_table(caption: str, facts: Iterable[tuple[str, str]]) -> Table:
    """Names and values as a table of two columns; what is empty is left out."""
    rows = tuple((name, value) for name, value in facts if value)
    return Table(caption, ("", ""), rows, words=2)


def number(value: float | None, digits: int = 3) -> str:
    """A figure as text; "not defined" for None and NaN."""
    if value is None or math.isnan(value):
        return NOT_DEFINED
    return f"{value:.{digits}f}"


def count(value: int | None) -> str:
    """A whole number with thousands apart; "not known" for None."""
    return "not known" if value is None else f"{value:,}"


def interval(estimate: Estimate, digits: int = 3) -> str:
    """ "0.912 (0.861 to 0.953)"; the interval is left out where it is not defined."""
    value = number(estimate.value, digits)
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({number(estimate.low, digits)} to {number(estimate.high, digits)})"


def share(part: int, whole: int) -> str:
    """ "12 (3.4 %)"."""
    return f"{part:,} ({100 * part / whole:.1f} %)" if whole else f"{part:,}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a row, cut after `most`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
