"""Execution on this machine: runs are queued here, and a supervisor starts them one a device."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from medxfer import lock
from medxfer.activity import local_user, note
from medxfer.config import TrainConfig
from medxfer.errors import RunError
from medxfer.events import Cancelled, Fitted, Stopped
from medxfer.executors import presence
from medxfer.paths import Workspace
from medxfer.runs import index, journal, queue
from medxfer.runs.decided import decisions
from medxfer.runs.store import Run, create_run, load_run, request_stop
from medxfer.runs.summary import RunState, last_span


def start(
    workspace: Workspace, config: TrainConfig, request_id: str | None = None, by: str = ""
) -> str:
    """Put a new run into the queue and return its id at once; `by` is who asked for it.

    The same request again gives the same run.

    Raises:
        WorkspaceError: the queue cannot be written; no run was made.
    """
    run, is_new = create_run(workspace, config, request_id, queued=True, by=by)
    wake(workspace)
    if is_new:
        note(workspace, by or local_user(), "started", f"run {run} on {config.data}")
    return run


def resume(workspace: Workspace, run: str, by: str = "") -> None:
    """Put a run that stands still back into the queue; nothing happens to one under way.

    Raises:
        RunError: it is unknown, or has ended for good.
        WorkspaceError: the disk refuses; the run stands as it did.
    """
    paths = load_run(workspace, run).paths
    with index.changing(workspace.index) as connection:
        loaded = load_run(workspace, run)  # nobody else queues it from here on
        stood_still = loaded.summary.state.ended
        if loaded.summary.state.ended:
            if reason := why_not_resumed(workspace, loaded):
                raise reason
            with queue.writing(paths):
                paths.stop_request.unlink(missing_ok=True)
            index.forget(connection, [run])
            queue.mark(paths, by)
            queue.add(connection, run, loaded.config.device, by)
    wake(workspace)
    if stood_still:
        note(workspace, by or local_user(), "continued", f"run {run}")


def why_not_resumed(workspace: Workspace, run: Run) -> RunError | None:
    """Why an ended run cannot go on; None if it can."""
    line = run.summary
    name = f"The run {line.run}"
    decided = decisions(workspace, line.run)
    if decided.openings or decided.elsewhere:
        return RunError(
            f"A test set was opened for {name[0].lower()}{name[1:]}. Learning on after that would "
            "make its figures flatter the network.",
            "Start a new run.",
        )
    if line.state.can_go_on:
        return None
    if line.state is not RunState.STOPPED:
        return RunError(f"{name} has {line.state} and cannot go on.", "Start a new run.")
    fitted = [event for event in run.events if isinstance(event, Fitted)]
    asked = not fitted or fitted[-1].reason == "stop_requested"
    if not asked or line.epochs >= line.planned_epochs:
        return RunError(f"{name} has no epochs left.", "Start a new run with more epochs.")
    by_hand = decided.temperature and not decided.temperature.after_training
    if by_hand or decided.point or decided.band_line or decided.sets_line:
        return RunError(
            f"A threshold or another decision was chosen for {name[0].lower()}{name[1:]}, and "
            "would not fit a network that has learned on.",
            "Start a new run.",
        )
    return None


def stop(workspace: Workspace, run: str, by: str = "") -> RunState:
    """End a run and keep what it learned; the state it has now.

    A waiting run is taken out of the queue. One under way is asked to stop at its next batch. One
    that stands still counts as stopped from now on if it has learned something, else as cancelled.
    One that has ended stays as it is.

    Raises:
        RunError: it is unknown.
    """
    before = load_run(workspace, run).summary.state
    after = _stopped(workspace, run, before)
    if not before.ended or after is not before:
        what = "cancelled" if after is RunState.CANCELLED else "stopped"
        note(workspace, by or local_user(), what, f"run {run}")
    return after


def _stopped(workspace: Workspace, run: str, state: RunState) -> RunState:
    if state is RunState.WAITING and queue.cancel(workspace, run):
        return RunState.CANCELLED
    if state in (RunState.PAUSED, RunState.LOST):
        _end(workspace, run)
    else:
        request_stop(workspace, run)
    return load_run(workspace, run).summary.state


def wake(workspace: Workspace) -> None:
    """See to it that a supervisor runs; it ends by itself when there is nothing to do.

    Where the system refuses, the runs wait, and the pages say that the worker is not running.
    """
    if not presence.is_alive(workspace):
        with suppress(OSError):
            arguments = ["-m", "medxfer.executors.supervisor", str(workspace.root)]
            spawn(arguments, workspace.root / "supervisor.log")


def _end(workspace: Workspace, run: str) -> None:
    """The last word of a run that stands still."""
    busy = RunError(f"The run {run} is just being taken up.", "Stop it again in a moment.")
    paths = workspace.run(run)
    with index.changing(workspace.index), queue.writing(paths), lock.held(paths.lock, busy):
        loaded = load_run(workspace, run)
        if loaded.paths.queued.exists():
            raise busy
        if loaded.summary.best_epoch is None:
            journal.append(loaded.paths.events, Cancelled())
        else:
            journal.append(loaded.paths.events, Stopped(seconds=last_span(loaded.events)))


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
