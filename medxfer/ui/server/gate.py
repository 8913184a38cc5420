"""What is refused before Streamlit sees it."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

from medxfer.ui.server.account import may_enter, sign_in_configured
from medxfer.ui.server.address import TOLD, is_local, told_open

_CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
"""Figures about the server, and ways in that are no page."""
_PRIVATE = ("/media", "/_stcore/upload_file")
"""Pictures, downloads and uploads: Streamlit gives them to whoever knows the address."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Gate:
    """ASGI middleware: closed routes, requests from elsewhere, and files of people signed in.

    Without sign-in only this computer is answered, by its own names: a page elsewhere whose name
    was made to point here is not, nor is what a proxy passes on for others.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        status, words = refusal(request)
        if not status:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(f"{words}\n", status)(scope, receive, send)


def refusal(request: HTTPConnection) -> tuple[int, str]:
    """The status and the sentence a request is refused with; (0, "") if it may go on."""
    path = _path(request)
    if any(path == closed or path.startswith(f"{closed}/") for closed in _CLOSED):
        return 404, "Not found."
    if not (sign_in_configured() or told_open() or _is_from_here(request)):
        return 403, (
            "This app is for the computer it runs on: nobody has to sign in. Whoever runs it can "
            f"set up sign-in (docs/deploying.md) or start it with {TOLD}."
        )
    private = any(path == place or path.startswith(f"{place}/") for place in _PRIVATE)
    if private and not may_enter(request.cookies):
        return 401, "Sign in first."
    return 0, ""


def _path(request: HTTPConnection) -> str:
    """The path below the app's own address, decoded, as Streamlit's routes will see it."""
    path = "/" + str(request.scope["path"]).strip("/")
    base = "/" + (config.get_option("server.baseUrlPath") or "").strip("/")
    return path.removeprefix(base) if base != "/" and path.startswith(f"{base}/") else path


def _is_from_here(request: HTTPConnection) -> bool:
    """Whether a request comes from this computer, to one of its own names, through no proxy."""
    server, client = request.scope.get("server"), request.client
    ends = [end for end in (server[0] if server else None, client.host if client else None) if end]
    own = request.url.hostname or ""
    forwarded = any(name in request.headers for name in _FORWARDED)
    return all(map(is_local, ends)) and is_local(own) and not forwarded
