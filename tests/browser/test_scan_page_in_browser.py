"""The exported page of a scan, opened from disk: whole at 800 pixels, without any request."""

from __future__ import annotations

from pathlib import Path

import pytest
from explained import STAMP, familiarity, heat, pixels, scan, verdict
from playwright.sync_api import Page

from medxfer.reports.scan_page import scan_html
from medxfer.runs.answering import Answer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = "Pneumonokoniose" * 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_800_pixels_and_asks_for_nothing(
    page: Page, tmp_path: Path, scheme: str
) -> None:
    classes = (LONG, "PNEUMONIA")
    told = scan(
        name=f"{LONG}.png",
        notes=(LONG,),
        pixels=pixels(900, 1300),
        heat=heat(900, 1300, classes=classes),
        answer=Answer(familiarity(False), "", verdict(classes=classes, within=classes)),
    )
    file = tmp_path / "scan.html"
    file.write_text(scan_html(told, STAMP))
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 800, "height": 900})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 800
    pictures = page.locator("img")
    left, right = (pictures.nth(place).bounding_box() or {} for place in range(2))
    assert left["width"] > 300
    assert right["width"] > 300
    assert left["x"] + left["width"] <= right["x"], "side by side"
    assert left["y"] == right["y"]
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert said == [], "the content policy had nothing to refuse"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
    # Text, tables and pictures, not the drawings' own coordinates, stay within the window.
    outside = page.evaluate(
        """() => [...document.querySelectorAll('h1, p, dd, .scroll, figure, img, svg')]
        .filter(node => node.getBoundingClientRect().right > 800.5).length"""
    )
    assert outside == 0
