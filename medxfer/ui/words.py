"""Numbers, times and foreign text as a person reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from medxfer.data.manifest import Split

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&=@\"'^])")
_SPACES = re.compile(r"\s+")
_URL = re.compile(r"(https?://[^\s`<>\"'()\[\]]*[^\s`<>\"'()\[\].,;:!?])")
_COLON = re.compile(r":(?!\s)(?!(?<=\d:)\d\d?(?!\w))")
"""Not the colon of a time (04:48) or before a space: neither can begin the name of an icon."""
_ADDRESS = re.compile(r"(?<=[\w.+-]@)(?=\w)|(?<=\bwww)(?=\.)", re.IGNORECASE)
"""Where an e-mail or a web address without http is cut, or Markdown would make a link of it."""
_MINUTE, _DAY = 60, 86400
_WORD_JOINER = "\u2060"

SPLIT_WORDS = {
    Split.TRAIN: "Train",
    Split.VALIDATION: "Validation",
    Split.TEST: "Test",
    Split.EXCLUDED: "Set aside",
}


def plain(text: object) -> str:
    """Text from outside, so that Markdown shows it as it is, in one line.

    Icons and emoji (`:name:`) are replaced after Markdown has removed its escapes; an
    invisible joiner behind the colon keeps them text; so it does with e-mails and `www.`. A full
    address is shown as code, without joiners, for it is copied.
    """
    pieces = _URL.split(_SPACES.sub(" ", str(text)).strip())
    return "".join(
        f"`{piece}`" if place % 2 else _escaped(piece) for place, piece in enumerate(pieces)
    )


def _escaped(text: str) -> str:
    marked = _ADDRESS.sub(_WORD_JOINER, _COLON.sub(":" + _WORD_JOINER, text))
    return _PUNCTUATION.sub(r"\\\1", marked)


def split_word(split: str) -> str:
    """`val` as "Validation" and so on; a name of no split as it is."""
    return SPLIT_WORDS[Split(split)] if split in set(Split) else split


def number(value: float) -> str:
    """1234567 as "1,234,567"."""
    return f"{value:,.0f}"


def count(value: int, thing: str, things: str = "") -> str:
    """3 and "image" as "3 images"."""
    return f"{number(value)} {thing if value == 1 else things or thing + 's'}"


def short(value: float) -> str:
    """11689512 as "11.7 M": three figures and a power of a thousand."""
    for size, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.{0 if scaled >= 100 else 1}f}{letter}"  # noqa: PLR2004
    return f"{value:.0f}"


def size(count_of_bytes: float) -> str:
    """Bytes as "46.8 MB", in powers of a thousand."""
    return short(count_of_bytes) + ("" if count_of_bytes >= 1e3 else " ") + "B"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Seconds as "40 s", "12 min" or "3 h 20 min"."""
    if (whole := max(1, round(seconds))) < _MINUTE:
        return f"{whole} s"
    if (minutes := round(seconds / _MINUTE)) < _MINUTE:
        return f"{minutes} min"
    if seconds < 2 * _DAY:
        hours, rest = divmod(minutes, _MINUTE)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{seconds / _DAY:.1f} days"


def when(moment: datetime, now: datetime | None = None) -> str:
    """A moment as "today 14:05", "yesterday 09:30" or "3 Nov 2025", in local time."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    local = moment.astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    if local.date() == today:
        return f"today {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    return f"{local.day} {local:%b %Y}"
