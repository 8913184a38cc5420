"""What uses a run or a data set just now, so that nobody deletes it meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from medxfer import lock
from medxfer.errors import WorkspaceError
from medxfer.paths import Workspace

_PREFIX = "use-"
_STALE_SECONDS = 3600


@contextmanager
def using(workspace: Workspace, folder: Path, what: str) -> Iterator[None]:
    """Say that a run's or data set's folder is in use until the block ends or its process dies.

    `what` is for the sentence of somebody who wants to delete it: "its scans are being explained".
    Where this cannot be written down, the block runs all the same.
    """
    words = workspace.staging / f"{_PREFIX}{token_hex(8)}.json"
    try:
        with lock.held(_lock_of(words), WorkspaceError("A mark of use was taken.")):
            with suppress(OSError):
                words.write_text(json.dumps({"folder": str(folder), "what": what}))
            yield
    finally:
        _remove(words)


def uses(workspace: Workspace, folder: Path) -> list[str]:
    """What uses the folder just now, in words."""
    found = []
    for words in sorted(workspace.staging.glob(f"{_PREFIX}*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(words.read_text())
            if values["folder"] == str(folder) and lock.is_held(_lock_of(words)):
                found.append(str(values["what"]))
    return found


def clear_uses(workspace: Workspace) -> None:
    """Remove the marks of processes that died."""
    for words in workspace.staging.glob(f"{_PREFIX}*.json"):
        with suppress(OSError):
            old = time.time() - words.stat().st_mtime > _STALE_SECONDS
            if old and not lock.is_held(_lock_of(words)):
                _remove(words)


def _lock_of(words: Path) -> Path:
    """A file of its own: a process that closes a file it has locked lets go of the lock."""
    return words.with_suffix(".lock")


def _remove(words: Path) -> None:
    for path in (words, _lock_of(words)):
        with suppress(OSError):
            path.unlink()
