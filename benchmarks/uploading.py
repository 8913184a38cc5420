"""Uploading a file as a browser does: ask where to, send it there, tell the page."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from urllib.request import Request, urlopen

from streamlit.proto.Common_pb2 import FileUploaderState

from benchmarks.visitor import PATIENCE, Visitor

_COOKIE = "_streamlit_xsrf"


async def upload(visitor: Visitor, address: str, path: Path) -> None:
    """Put a file into the uploader of the visitor's page, and wait for what the page makes of it.

    Raises:
        OSError: the server does not take it.
    """
    content = path.read_bytes()
    urls = await visitor.file_urls(path.name)
    await asyncio.to_thread(_send, address, urls.upload_url, path.name, content)
    files = FileUploaderState()
    info = files.uploaded_file_info.add(name=path.name, size=len(content), file_id=urls.file_id)
    info.file_urls.CopyFrom(urls)
    await visitor.hand_in("upload", files)


def _send(address: str, url: str, name: str, content: bytes) -> None:
    token = _token(address)
    border = secrets.token_hex(16)
    head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{border}--\r\n".encode()
    request = Request(  # noqa: S310
        f"{address}{url if url.startswith('/') else '/' + url}",
        data=body,
        method="PUT",
        headers={
            "Content-Type": f"multipart/form-data; boundary={border}",
            "Cookie": f"{_COOKIE}={token}",
            "X-Xsrftoken": token,
        },
    )
    with urlopen(request, timeout=PATIENCE):  # noqa: S310
        pass


def _token(address: str) -> str:
    """The token against forged requests, which the server gives as a cookie."""
    with urlopen(f"{address}/_stcore/health", timeout=PATIENCE) as answer:  # noqa: S310
        cookies = answer.headers.get_all("Set-Cookie") or []
    named = [cookie.partition(";")[0].partition("=") for cookie in cookies]
    return next((value for key, _, value in named if key == _COOKIE), "")
