"""The headers of every answer, the content policy above all.

What a page may load and run is said here once. Streamlit's own page has one inline script, which
is named by its hash; components written in our code arrive as text and become blobs.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medxfer.ui.frame import record

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_UNUSED = (
    "accelerometer", "autoplay", "bluetooth", "camera", "display-capture", "geolocation",
    "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "serial", "usb",
)  # fmt: skip
"""What a browser could give a page, and none of ours asks for."""


def inline_scripts() -> list[str]:
    """The inline scripts of Streamlit's page, as sources of a content policy."""
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    found = _INLINE.findall(page.read_text(encoding="utf-8"))
    digests = [hashlib.sha256(script.encode()).digest() for script in found]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def content_policy(scripts: Sequence[str]) -> str:
    """The Content-Security-Policy; `scripts` are the hashes of inline scripts that may run.

    Styles stay open to inline ones: Streamlit writes the theme that way, and a style runs nothing
    and fetches nothing that the other rules do not allow.
    """
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", "blob:", *scripts]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{rule} {sources}" for rule, sources in rules.items())


def headers() -> dict[str, str]:
    """What every answer carries."""
    return {
        "Content-Security-Policy": content_policy(inline_scripts()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": ", ".join(f"{name}=()" for name in _UNUSED),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


class Headers:
    """ASGI middleware that sets the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    answer[name] = value
                if scope["path"].startswith("/media/"):
                    answer["Cache-Control"] = "private, no-cache"
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def broken(_request: Request, error: Exception) -> PlainTextResponse:
    """The answer where the server itself has a fault: an id that finds it in the log."""
    words = f"Something went wrong that should not have. Error {record(error)}.\n"
    return PlainTextResponse(words, 500, headers())
