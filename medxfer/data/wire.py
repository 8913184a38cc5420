"""Messages between a process and the child that decodes for it: JSON, then bytes."""

from __future__ import annotations

import json
import socket
import struct
import time
from contextlib import suppress
from typing import Any

from medxfer.data.picture import MAX_BYTES, MAX_PIXELS

_LENGTHS = struct.Struct(">IQ")
_MAX_HEAD = 1 << 20
_PIXEL_BYTES = 5  # three channels, and 16 bits for the viewer
_MAX_BODY = max(_PIXEL_BYTES * MAX_PIXELS, MAX_BYTES)
_SMALL = 1 << 20
"""Bytes up to which a message goes in one piece: copying is then cheaper than another call."""


def send(line: socket.socket, head: dict[str, Any], body: Any, deadline: float | None) -> None:
    """Send one message: the lengths of both parts, then JSON, then bytes."""
    words = json.dumps(head).encode()
    front = _LENGTHS.pack(len(words), len(body)) + words
    small = len(body) < _SMALL
    for piece in (front + bytes(body),) if small else (front, body):
        _limit(line, deadline)
        line.sendall(piece)


def receive(line: socket.socket, deadline: float | None) -> tuple[dict[str, Any], bytearray]:
    """Receive one message.

    Raises:
        TimeoutError: it was not there by the deadline (of `time.monotonic`).
        EOFError, OSError: the other side is gone.
        ValueError: it is no message.
    """
    length, size = _LENGTHS.unpack(_exactly(line, _LENGTHS.size, deadline))
    if length > _MAX_HEAD or size > _MAX_BODY:
        raise ValueError("a message of impossible size")
    if size >= _SMALL:
        return json.loads(_exactly(line, length, deadline)), _exactly(line, size, deadline)
    both = _exactly(line, length + size, deadline)
    return json.loads(both[:length]), both[length:]


def _exactly(line: socket.socket, size: int, deadline: float | None) -> bytearray:
    found = bytearray(size)
    rest = memoryview(found)
    while len(rest):
        _limit(line, deadline)
        count = line.recv_into(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return found


def _limit(line: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    with suppress(OSError):  # closed: the next call says so
        line.settimeout(left)
