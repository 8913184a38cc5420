"""Writing a file so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
_TAIL = 1 << 12


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it over `path`.

    After an error the temporary file is removed and `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_lines(path: Path, lines: bytes, *, mode: int = 0o666, flushed: bool = True) -> None:
    """Add whole lines to a file, all or none; `flushed`, they are on the disk before it returns.

    Half a line, which a writer that was killed may have left at the end, is cut off first. A new
    file gets `mode`.

    Raises:
        OSError: the disk is full or refuses; the lines before are as they were.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode)
    try:
        end = _end_of_lines(descriptor)
        os.ftruncate(descriptor, end)
        if os.pwrite(descriptor, lines, end) != len(lines):
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if flushed:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end_of_lines(descriptor: int) -> int:
    """Where the last whole line ends; 0 if there is none."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _TAIL)
        if (found := os.pread(descriptor, end - start, start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
