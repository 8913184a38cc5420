"""What only a browser shows: deep links, themes, keys, and text that stays text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from medxfer.data.importing import ImportOptions, import_source
from medxfer.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Serve = Callable[[Workspace], str]
FIRST = 30_000
"""Milliseconds: the first page of a server also imports it."""


def test_a_deep_link_first_on_a_fresh_server(
    serve: Serve, page: Page, workspace: Workspace, small_data: str
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{serve(workspace)}/browse?data={small_data}")
    expect(page.get_by_role("heading", name="Data sets")).to_be_visible(timeout=FIRST)
    expect(page.get_by_text("Research use only").first).to_be_visible()
    expect(page.get_by_text("1–24 of 32 images")).to_be_visible(timeout=FIRST)
    assert not page.get_by_text("Page not found").count()
    assert not [text for text in said if "does not seem to exist" in text]
    # Dark until the person chooses, whatever the system prefers …
    app = page.get_by_test_id("stApp")
    expect(app).to_have_css("background-color", "rgb(16, 23, 29)")
    # … and then what they chose, after a reload too.
    page.get_by_test_id("stMainMenuButton").click()
    page.get_by_test_id("stMainMenuItem-theme-Light").click()
    expect(app).to_have_css("background-color", "rgb(255, 255, 255)")
    page.reload()
    expect(page.get_by_text("1–24 of 32 images")).to_be_visible(timeout=FIRST)
    expect(app).to_have_css("background-color", "rgb(255, 255, 255)")


def test_a_picture_opens_with_mouse_and_keyboard_and_closes(
    serve: Serve, page: Page, workspace: Workspace, small_data: str
) -> None:
    page.goto(f"{serve(workspace)}/browse?data={small_data}")
    tiles = page.get_by_role("button", name="Open NORMAL")
    tiles.first.click(timeout=FIRST)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("NORMAL/test0.png").first).to_be_visible(timeout=FIRST)
    dialog.get_by_role("button", name="Next image").click()
    expect(dialog.get_by_text("NORMAL/test1.png").first).to_be_visible(timeout=FIRST)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    tiles.nth(2).focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("NORMAL/test2.png").first).to_be_visible(timeout=FIRST)
    assert "image=" in page.url


def test_names_from_outside_stay_text_and_call_nobody(
    serve: Serve, page: Page, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    classes = ["<script>document.title='owned'<", "![x](http:--evil.example-x.png) **bold**"]
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(8):
            Image.effect_noise((64, 64), 90).save(folder / name / f"{number}.png")
    import_source(workspace, folder, ImportOptions(name="hostile"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    address = serve(workspace)
    page.goto(f"{address}/browse?data=hostile")
    expect(page.get_by_text("16 images").first).to_be_visible(timeout=FIRST)
    expect(page.get_by_text("**bold**").first).to_be_visible()
    assert page.title() != "owned"
    outside = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert outside == []
