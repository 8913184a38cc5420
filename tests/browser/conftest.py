"""A server of one's own and a browser to drive it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from benchmarks.served import APP, served
from medxfer.paths import HOME_VARIABLE, Workspace

CHROMIUM = Path("/usr/bin/chromium")
REQUIRED = "MEDXFER_BROWSER_REQUIRED"


@pytest.fixture
def start() -> Iterator[Callable[[list[str], dict[str, str]], str]]:
    """Start a server by a command that takes Streamlit's options, in an environment of its own;
    its address. It ends with the test."""
    with ExitStack() as servers:
        yield lambda command, environment: servers.enter_context(served(command, environment))


@pytest.fixture
def serve(start: Callable[[list[str], dict[str, str]], str]) -> Callable[[Workspace], str]:
    """Serve the app on a workspace; its address."""
    return lambda workspace: start([*APP], {HOME_VARIABLE: str(workspace.root)})


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser window of 1440 x 900 whose system prefers the light theme."""
    if not CHROMIUM.exists():
        assert REQUIRED not in os.environ, f"there is no {CHROMIUM}, and it is required here"
        pytest.skip(f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser.new_page(color_scheme="light", viewport={"width": 1440, "height": 900})
        browser.close()
