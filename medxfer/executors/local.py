"""Execution on this machine: one detached process a run."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from medxfer.config import TrainConfig
from medxfer.events import Failed
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.store import create_run


def start(workspace: Workspace, config: TrainConfig, request_id: str | None = None) -> str:
    """Begin a run and return its id at once; the same request again returns the same run."""
    run, is_new = create_run(workspace, config, request_id)
    if is_new:
        arguments = ["-m", "medxfer.runs.worker", str(workspace.root), run]
        try:
            spawn(arguments, workspace.run(run).log)
        except OSError as error:
            problem = f"The process of this run could not be started: {error.strerror}."
            remedy = "Close other programs or free some memory, and start the run again."
            journal.append(workspace.run(run).events, Failed(problem=problem, remedy=remedy))
    return run


def spawn(arguments: Sequence[str], log: Path) -> int:
    """Start Python with these arguments in a session of its own; its process id.

    It outlives this process and its terminal; what it prints goes to `log`.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  (our own interpreter, no shell)
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            close_fds=True,
        )
    # Waiting in a thread reaps the child when it ends and keeps nobody from ending before it.
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid
