"""A server of one's own and a browser to drive it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, sync_playwright

from medxfer.paths import HOME_VARIABLE, Workspace

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
REQUIRED = "MEDXFER_BROWSER_REQUIRED"
PATIENCE = 60
"""Seconds until a server answers."""


@pytest.fixture
def start() -> Iterator[Callable[[list[str], dict[str, str]], str]]:
    """Start a server by a command that takes Streamlit's options, in an environment of its own;
    its address. It ends with the test."""
    servers: list[subprocess.Popen[bytes]] = []

    def started(command: list[str], environment: dict[str, str]) -> str:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", *command, "--server.port", str(port)],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        servers.append(server)
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        return f"http://127.0.0.1:{port}"

    yield started
    for server in servers:
        server.terminate()
        server.wait(20)


@pytest.fixture
def serve(start: Callable[[list[str], dict[str, str]], str]) -> Callable[[Workspace], str]:
    """Serve the app on a workspace; its address."""
    return lambda workspace: start(["medxfer.ui.serve"], {HOME_VARIABLE: str(workspace.root)})


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


def _wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=2):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(url)
