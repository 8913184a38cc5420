"""Whether the browser speaks with the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page


def settle(page: Page) -> None:
    """Wait for a second without any request. Playwright's "networkidle" is no help: it stays
    reached after the first page, and a download button fetches its file when it is drawn."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    seen = -1
    while len(sent) > seen:
        seen = len(sent)
        page.wait_for_timeout(1000)


@contextmanager
def no_server_trip(page: Page) -> Iterator[None]:
    """Nothing is sent to the server within the block, neither a request nor a message."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.evaluate(
        """() => { window.sentMessages = 0; const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (...all) {
            window.sentMessages += 1; return send.apply(this, all); }; }"""
    )
    yield
    page.wait_for_timeout(1000)
    assert page.evaluate("window.sentMessages") == 0
    assert sent == []
