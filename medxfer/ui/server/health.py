"""`/health`: whether the app can do its work, for whoever watches over it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from medxfer.errors import MedxferError
from medxfer.executors import presence
from medxfer.paths import Workspace
from medxfer.runs import index
from medxfer.ui.server.account import account_of, is_allowed, sign_in_configured
from medxfer.ui.server.address import told_open

_LEAST_BYTES = 500_000_000
"""Of disk space: a run keeps a few hundred megabytes."""
_GRACE_SECONDS = 60
"""How long a run may wait until a process that starts runs has to be there."""
_GPUS = Path("/proc/driver/nvidia/gpus")


def health(workspace: Workspace) -> dict[str, Any]:
    """What works: `store`, `worker` and `disk` as true or false, and figures beside them.

    `worker` is about the process that starts runs: it need not be there while no run waits.
    """
    waiting = [marker.stat().st_mtime for marker in workspace.runs.glob("*/queued")]
    answering = _worker_answers(workspace)
    due = [moment for moment in waiting if time.time() - moment > _GRACE_SECONDS]
    free = shutil.disk_usage(workspace.root).free
    return {
        "store": _store_works(workspace),
        "worker": answering or not due,
        "disk": free >= _LEAST_BYTES,
        "worker_alive": answering,
        "runs_queued": len(waiting),
        "disk_free_bytes": free,
        "gpus": len(list(_GPUS.iterdir())) if _GPUS.is_dir() else 0,
    }


def route(find: Callable[[], Workspace]) -> Callable[[Request], JSONResponse]:
    """The answer to a request: 200 if all works, else 503.

    Figures are for people of the app; where others can ask, they learn what works and no more.
    """

    def answer(request: Request) -> JSONResponse:
        try:
            found = health(find())
        except (OSError, MedxferError):
            found = {"store": False, "worker": False, "disk": False}
        works = all(found[part] for part in ("store", "worker", "disk"))
        if not _is_trusted(request):
            found = {part: found[part] for part in ("store", "worker", "disk")}
        status = "ok" if works else "failing"
        headers = {"Cache-Control": "no-store"}
        return JSONResponse({"status": status, **found}, 200 if works else 503, headers)

    return answer


def _is_trusted(request: Request) -> bool:
    if not sign_in_configured():
        return not told_open()
    account = account_of(request.cookies)
    return bool(account) and is_allowed(account)


def _worker_answers(workspace: Workspace) -> bool:
    try:
        return presence.health(workspace).answering
    except MedxferError:  # `store` says so
        return False


def _store_works(workspace: Workspace) -> bool:
    """Whether the workspace can be written and the index be read."""
    probe = workspace.staging / f"health-{token_hex(4)}"
    try:
        probe.write_bytes(b"1")
        with index.opened(workspace.index) as connection:
            connection.execute("SELECT count(*) FROM runs").fetchone()
    except (OSError, MedxferError):
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
    return True
