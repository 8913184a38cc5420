from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from data_cases import APP
from playwright.sync_api import Page, expect, sync_playwright

from medxfer.paths import HOME_VARIABLE, Workspace

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM.exists() and "CI" not in os.environ, reason=f"there is no {CHROMIUM}"
    ),
]


@pytest.fixture
def address(filled: Workspace) -> Iterator[str]:
    """A server nobody has talked to yet."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "medxfer.ui.serve", "--server.port", str(port)],
        cwd=APP.parent,
        env=os.environ | {HOME_VARIABLE: str(filled.root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/_stcore/health")
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser whose system prefers the light theme."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser.new_page(color_scheme="light")
        browser.close()


def test_a_deep_link_first_on_a_fresh_server(address: str, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{address}/browse?data=scans")
    expect(page.get_by_role("heading", name="Data sets")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Research use only").first).to_be_visible()
    expect(page.get_by_text("1–24 of 32 pictures")).to_be_visible(timeout=30_000)
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
    expect(page.get_by_text("1–24 of 32 pictures")).to_be_visible(timeout=30_000)
    expect(app).to_have_css("background-color", "rgb(255, 255, 255)")


def test_a_picture_opens_with_mouse_and_keyboard_and_closes(address: str, page: Page) -> None:
    page.goto(f"{address}/browse?data=scans")
    tiles = page.get_by_role("button", name="Open healthy")
    tiles.first.click(timeout=30_000)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("healthy/h0_0.png")).to_be_visible(timeout=15_000)
    dialog.get_by_role("button", name="Next picture").click()
    expect(dialog.get_by_text("healthy/h0_1.png")).to_be_visible(timeout=15_000)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    tiles.nth(2).focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("healthy/h1_0.png")).to_be_visible(timeout=15_000)
    assert "image=" in page.url


def _wait_for(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=2):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(url)
