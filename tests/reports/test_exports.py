"""Every export carries the research-use line, model, version and date; none carries a path."""

from __future__ import annotations

import csv
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from html.parser import HTMLParser
from io import BytesIO, StringIO

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from explained import scan
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from medxfer import RESEARCH_USE_ONLY, __version__
from medxfer.config import Stage
from medxfer.explain.heatmap import Explanation
from medxfer.explain.overlay import blend
from medxfer.reports.exports import (
    figure_html,
    heatmap_png,
    sheet_png,
    stamped,
    table_csv,
)
from medxfer.reports.footer import with_footer
from medxfer.reports.scan import scan_values
from medxfer.reports.stamp import Stamp, last_part, stamp
from medxfer.runs.summary import RunState, RunSummary

MADE = datetime(2025, 3, 9, 1, 30, tzinfo=timezone(timedelta(hours=2)))
SHARE = "hospital-share"


def summary(data: str = "chest") -> RunSummary:
    return RunSummary(
        run="20250309-013000-abcd",
        data=data,
        depth=34,
        strategy="partial",
        weights=f"/mnt/{SHARE}/weights.pth",
        note="",
        created=MADE,
        state=RunState.FINISHED,
        epochs=3,
        planned_epochs=3,
        best_epoch=2,
        validation={},
        seconds=10.0,
        problem="",
    )


@pytest.fixture
def mark() -> Stamp:
    return stamp(summary(f"/mnt/{SHARE}/chest"), MADE)


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)


@pytest.fixture
def explanation() -> Explanation:
    heat = np.linspace(0, 1, 90 * 120, dtype=np.float32).reshape(90, 120)
    return Explanation(
        classes=("NORMAL", "PNEUMONIA"),
        probabilities=np.array([0.25, 0.75]),
        predicted=1,
        target=0,
        heatmap=heat,
        raw_maximum=2.5,
        seen=(15.0, 0.0, 105.0, 90.0),
        method="gradcam",
        stage=Stage.LAYER4,
    )


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": ["a1", "b2"],
            "file": [f"/mnt/{SHARE}/NORMAL/x.png", f"C:\\{SHARE}\\y.png"],
            "p(NORMAL)": [0.25, -0.5],
        }
    )


def figure() -> go.Figure:
    return go.Figure(go.Scatter(x=[0, 1], y=[0, 1], name="ROC"))


class _Page(HTMLParser):
    """Text, script text and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        place = self.scripts if self._open[-1:] == ["script"] else self.words
        place.append(data)


def test_a_stamp_says_which_model_which_version_and_when(mark: Stamp) -> None:
    assert mark.lines[0] == RESEARCH_USE_ONLY
    text = " ".join(mark.lines)
    for part in ("20250309-013000-abcd", "ResNet-34", "partial", __version__, "2025-03-08 23:30"):
        assert part in text
    assert stamp(summary()).date[:10] == f"{datetime.now(UTC):%Y-%m-%d}"


def test_a_stamp_says_which_images_it_is_about() -> None:
    mark = stamp(summary(), part="validation, 86 images")
    assert "validation, 86 images" in mark.lines
    assert "# validation, 86 images\n" in table_csv(table(), mark)
    assert "validation, 86 images" in as_figure(mark, None, None)  # type: ignore[arg-type]


def test_an_explanation_names_its_image_and_no_folder(
    mark: Stamp, explanation: Explanation, pixels: NDArray[np.uint8]
) -> None:
    told = scan(name=f"/mnt/{SHARE}/p7.png")
    assert scan_values(told, mark)["image"] == "p7.png"
    named = heatmap_png(pixels, explanation, mark, image=f"/mnt/{SHARE}/p7.png")
    with (
        Image.open(BytesIO(named)) as one,
        Image.open(BytesIO(heatmap_png(pixels, explanation, mark))) as other,
    ):
        assert one.height > other.height


def test_an_export_without_a_run_is_stamped_too() -> None:
    assert stamp(made=MADE).lines == (
        RESEARCH_USE_ONLY,
        f"medxfer {__version__}, 2025-03-08 23:30 UTC",
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/b c.png", "b c.png"), ("a\\b.png", "b.png"), ("chest-phantoms", "chest-phantoms")],
)
def test_last_part(path: str, name: str) -> None:
    assert last_part(path) == name


def as_csv(mark: Stamp, pixels: NDArray[np.uint8], explanation: Explanation) -> str:
    return table_csv(table(), mark)


def as_html(mark: Stamp, pixels: NDArray[np.uint8], explanation: Explanation) -> str:
    return " ".join(_Page(figure_html(figure(), "ROC", mark)).words)


def as_figure(mark: Stamp, pixels: NDArray[np.uint8], explanation: Explanation) -> str:
    return unescape(str(stamped(figure(), mark).layout.annotations[0].text))


def as_json(mark: Stamp, pixels: NDArray[np.uint8], explanation: Explanation) -> str:
    return json.dumps(scan_values(scan(pixels=pixels, heat=explanation), mark))


@pytest.mark.parametrize("export", [as_csv, as_html, as_figure, as_json])
def test_every_text_export_is_stamped_and_holds_no_path(
    export: Callable[[Stamp, NDArray[np.uint8], Explanation], str],
    mark: Stamp,
    pixels: NDArray[np.uint8],
    explanation: Explanation,
) -> None:
    text = export(mark, pixels, explanation)
    for part in (RESEARCH_USE_ONLY, mark.run, "ResNet-34", __version__, mark.date, "chest"):
        assert part in text
    assert SHARE not in text


def chunks(png: bytes) -> Iterator[bytes]:
    """The kinds of the parts of a PNG file (PNG specification, section 5)."""
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind
        at += length + 12


def test_png_is_the_overlay_above_the_stamp(
    mark: Stamp, pixels: NDArray[np.uint8], explanation: Explanation
) -> None:
    data = heatmap_png(pixels, explanation, mark, opacity=0.4, colour_map="cividis")
    opened = Image.open(BytesIO(data))
    assert not opened.info
    assert set(chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}
    sheet = np.asarray(opened)
    left = (sheet.shape[1] - 120) // 2
    expected = blend(pixels, explanation.heatmap, 0.4, "cividis")
    np.testing.assert_array_equal(sheet[:90, left : left + 120], expected)
    assert SHARE.encode() not in data


def test_png_burns_in_every_line_of_the_stamp(
    mark: Stamp,
    pixels: NDArray[np.uint8],
    explanation: Explanation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    burnt: list[str] = []
    monkeypatch.setattr(
        "medxfer.reports.exports.with_footer",
        lambda picture, lines: burnt.extend(lines) or with_footer(picture, lines),
    )
    heatmap_png(pixels, explanation, mark)
    assert burnt[0] == "Heatmap of NORMAL (probability 0.250) by gradcam"
    assert tuple(burnt[1:]) == mark.lines


@pytest.mark.parametrize("width", [32, 360, 1500])
def test_footer_text_is_whole_and_changes_with_the_text(width: int, mark: Stamp) -> None:
    pixels = np.full((40, width, 3), 128, dtype=np.uint8)
    sheet = with_footer(pixels, mark.lines)
    strip = sheet[40:].max(axis=2) > 60
    assert strip.any()
    margins = np.concatenate([strip[:, :6].ravel(), strip[:, -6:].ravel(), strip[-2:].ravel()])
    assert not margins.any(), "the text runs into an edge"
    other = with_footer(pixels, ["Research use.", *mark.lines[1:]])
    assert other.shape != sheet.shape or (other != sheet).any()


def test_footer_cuts_a_word_that_is_wider_than_the_sheet() -> None:
    sheet = with_footer(np.zeros((40, 40, 3), dtype=np.uint8), ["x" * 300])
    assert not (sheet[40:, -6:].max(axis=2) > 60).any()
    assert (sheet[-20:].max(axis=2) > 60).any()


def rows(text: str) -> list[list[str]]:
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith("# ")]
    return list(csv.reader(StringIO("".join(kept), newline="")))


def test_numbers_stay_numbers_and_files_lose_their_folders(mark: Stamp) -> None:
    assert rows(table_csv(table(), mark)) == [
        ["image", "file", "p(NORMAL)"],
        ["a1", "x.png", "0.25"],
        ["b2", "y.png", "-0.5"],
    ]


@pytest.mark.parametrize("start", list("=+-@\t\r＝"))
def test_a_class_named_like_a_formula_is_shown_not_computed(start: str, mark: Stamp) -> None:
    name = f'{start}HYPERLINK("http://x")'
    header, row = rows(table_csv(pd.DataFrame({"class": [name], name: [-1]}), mark))
    assert row == [f"'{name}", "-1"]
    assert header == ["class", f"'{name}"]


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_floats_survive_the_csv(values: list[float], mixed: bool) -> None:
    column = pd.Series(values, dtype=object if mixed else float)
    text = table_csv(pd.DataFrame({"x": column}), stamp(made=MADE))
    assert [float(row[0]) for row in rows(text)[1:]] == values


def test_missing_values_are_empty_and_labels_like_na_are_kept(mark: Stamp) -> None:
    frame = pd.DataFrame({"label": ["NA", None], "auroc": [None, 0.5]})
    assert rows(table_csv(frame, mark))[1:] == [["NA", ""], ["", "0.5"]]


def test_exports_leave_the_table_and_the_figure_alone(mark: Stamp) -> None:
    mine, drawing = table(), figure()
    table_csv(mine, mark)
    figure_html(drawing, "ROC", mark)
    pd.testing.assert_frame_equal(mine, table())
    assert drawing == figure()


def test_the_stamp_of_a_figure_is_broken_to_its_width_and_given_room(mark: Stamp) -> None:
    drawing = figure().update_layout(width=300, height=200, margin={"l": 50, "b": 40})
    made = stamped(drawing, mark).layout
    lines = unescape(made.annotations[0].text).split("<br>")
    assert " ".join(lines) == " ".join(mark.lines)
    # 300 pixels less the edges at six a letter.
    assert max(map(len, lines)) <= 47
    room = made.margin.b - 40
    assert room >= 13 * len(lines)
    assert made.height == 200 + room
    assert stamped(figure(), mark).layout.height is None


def test_html_needs_no_network_and_runs_no_foreign_script(mark: Stamp) -> None:
    foreign = "</script><script>alert(1)</script>"
    drawing = figure().update_traces(name=foreign)
    text = figure_html(drawing, f"ROC {foreign}", mark)
    page = _Page(text)
    assert foreign not in text
    assert f"ROC {foreign}" in page.words
    assert not [name for name, _ in page.attributes if name in ("src", "href", "srcset")]
    policy = dict(page.attributes)["content"] or ""
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert any("plotly.js v" in script for script in page.scripts)
    assert '"showSendToCloud": false' in page.scripts[-1]


def test_a_difference_of_two_classes_is_named_as_one(
    mark: Stamp, pixels: NDArray[np.uint8], explanation: Explanation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    burnt: list[str] = []
    monkeypatch.setattr(
        "medxfer.reports.exports.with_footer",
        lambda picture, lines: burnt.extend(lines) or with_footer(picture, lines),
    )
    other = replace(explanation, against=1)
    heatmap_png(pixels, other, mark)
    assert burnt[0] == "Heatmap of NORMAL (probability 0.250) rather than PNEUMONIA by gradcam"


def test_a_sheet_of_pictures_is_stamped(mark: Stamp, pixels: NDArray[np.uint8]) -> None:
    burnt = np.asarray(Image.open(BytesIO(sheet_png(pixels, "NORMAL taken for ill", mark))))
    expected = with_footer(pixels, ["NORMAL taken for ill", *mark.lines])
    np.testing.assert_array_equal(burnt, expected)
    assert RESEARCH_USE_ONLY in mark.lines


def test_tables_do_not_pay_for_torch() -> None:
    code = "import sys, medxfer.reports.exports; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
