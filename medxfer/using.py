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
    mark = workspace.staging / f"{_PREFIX}{token_hex(8)}"
    try:
        with lock.held(mark, WorkspaceError("A mark of use was taken.")):
            with suppress(OSError):
                mark.write_text(json.dumps({"folder": str(folder), "what": what}))
            yield
    finally:
        with suppress(OSError):
            mark.unlink()


def uses(workspace: Workspace, folder: Path) -> list[str]:
    """What uses the folder just now, in words."""
    found = []
    for mark in sorted(workspace.staging.glob(f"{_PREFIX}*")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(mark.read_text())
            if values["folder"] == str(folder) and lock.is_held(mark):
                found.append(str(values["what"]))
    return found


def clear_uses(workspace: Workspace) -> None:
    """Remove the marks of processes that died."""
    for mark in workspace.staging.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - mark.stat().st_mtime > _STALE_SECONDS and not lock.is_held(mark):
                mark.unlink()
