from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from medxfer.ui.words import count, duration, plain, short, size, split_word, when


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("**bold** _x_", r"\*\*bold\*\* \_x\_"),
        ("![](http://evil/x.png)", "\\!\\[\\]\\(`http://evil/x.png`\\)"),
        ("[a](http:x)", "\\[a\\]\\(http:\u2060x\\)"),
        ("Fetch https://a.org/b_c-1.pth.", "Fetch `https://a.org/b_c-1.pth`\\."),
        ("at 04:48 and 4:48:12: done", "at 04:48 and 4:48:12: done"),
        (":100: :8ball:", ":\u2060100: :\u20608ball:\u2060"),
        ("<script>", r"\<script\>"),
        ("two\nlines\ttab", "two lines tab"),
        (":red[x] $x^2$", ":\u2060red\\[x\\] \\$x\\^2\\$"),
        (":material/home:", ":\u2060material/home:\u2060"),
        ("ann@clinic.org", "ann\\@\u2060clinic\\.org"),
        ("www.evil.org", "www\u2060\\.evil\\.org"),
    ],
)
def test_foreign_text_loses_its_power_but_not_its_letters(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_numbers_are_written_as_read() -> None:
    assert count(1, "image") == "1 image"
    assert count(5856, "image") == "5,856 images"
    assert count(2, "class", "classes") == "2 classes"
    assert [short(n) for n in (512, 11_689_512, 1.82e9, 265_218)] == [
        "512", "11.7 M", "1.8 G", "265 k",
    ]  # fmt: skip
    assert [size(n) for n in (12, 46_800_000)] == ["12 B", "46.8 MB"]
    assert [duration(s) for s in (0.2, 40, 720, 12_000, 7_200, 260_000)] == [
        "1 s", "40 s", "12 min", "3 h 20 min", "2 h", "3.0 days",
    ]  # fmt: skip


def test_a_minute_is_never_sixty_seconds() -> None:
    assert duration(59.7) == "1 min"
    assert duration(3599) == "1 h"


def test_moments_are_told_from_today() -> None:
    now = datetime(2025, 11, 21, 12, 0, tzinfo=UTC)
    assert when(now, now).startswith("today ")
    assert when(now - timedelta(days=1), now).startswith("yesterday ")
    assert "Nov 2025" in when(now - timedelta(days=9), now)


def test_splits_are_named_in_words_and_strangers_left_alone() -> None:
    assert [split_word(split) for split in ("val", "excluded", "fold3")] == [
        "Validation", "Set aside", "fold3",
    ]  # fmt: skip
