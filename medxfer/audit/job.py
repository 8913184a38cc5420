"""The audit as a process of its own, that a page can start, watch, stop and find again.

`python -m medxfer.audit.job WORKSPACE NAME` does what was asked for and not done yet.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medxfer.audit.keeping import load_audit
from medxfer.audit.record import Audit, is_current
from medxfer.audit.work import Stopped
from medxfer.data.library import dataset_info, load_manifest
from medxfer.data.staging import writing
from medxfer.errors import DataError, MedxferError
from medxfer.events import Tell
from medxfer.files import write_json
from medxfer.lock import held, is_held
from medxfer.paths import DatasetPaths, Workspace

State = Literal["none", "waiting", "running", "done", "failed", "stopped", "lost"]

_START_SECONDS = 120
"""How long a job may wait for its process before it counts as lost."""
_REPORT_SECONDS = 0.25
_NICENESS = 10
"""So that an audit gives way to the app that watches it and to runs."""


@dataclass(frozen=True)
class Progress:
    """What is being done, in words, and how much of how much; 0 of 0 before that is known."""

    step: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class AuditJob:
    """The latest audit that was asked for of one data set, whatever became of it."""

    workspace: Workspace
    name: str

    @property
    def paths(self) -> DatasetPaths:
        return self.workspace.dataset(self.name)

    @property
    def log(self) -> Path:
        return self.paths.audit / "log"

    @property
    def arguments(self) -> list[str]:
        """The command line that runs this job, behind the interpreter."""
        return ["-m", "medxfer.audit.job", str(self.workspace.root), self.name]

    def state(self) -> State:
        """Judged by what the process left behind and by the lock it holds while it lives."""
        if is_held(self._file("lock")):
            return "running"
        request = self.request()
        if request is None:
            return "none"
        outcome = _read(self._file("outcome.json")) or {}
        if outcome.get("request") == request["id"]:
            ended: State = outcome["state"]
            return ended
        waiting = time.time() - request["asked"] < _START_SECONDS
        return "waiting" if waiting and not self._file("progress.json").exists() else "lost"

    def progress(self) -> Progress:
        """How far the process is."""
        return Progress(**(_read(self._file("progress.json")) or {}))

    def error(self) -> DataError:
        """Why a job failed, stopped or was lost, as problem and remedy."""
        if self.state() == "lost":
            return DataError("The audit ended without a word.", "Start it again.")
        outcome = _read(self._file("outcome.json")) or {}
        return DataError(outcome.get("problem", ""), outcome.get("remedy", ""))

    def stop(self) -> None:
        """Ask the process to end; what an earlier audit found stays."""
        self._file("stop").touch()

    def request(self) -> dict[str, Any] | None:
        """What was asked for: id, asked (seconds), fresh, doubts (weights or None)."""
        return _read(self._file("request.json"))

    def _file(self, name: str) -> Path:
        return self.paths.audit / name


def ask(
    workspace: Workspace, name: str, *, fresh: bool = False, doubts: str | None = None
) -> AuditJob:
    """Write down that an audit is wanted; whoever calls this starts `arguments`, or `execute`.

    A current audit is not made again unless `fresh`. `doubts` names the weights of a network that
    is then asked about the labels.

    Raises:
        DataError: there is no such data set, or it is being audited.
        WorkspaceError: the job cannot be written, as on a full disk.
    """
    dataset_info(workspace, name)
    job = AuditJob(workspace, name)
    with writing(workspace, name):
        job.paths.audit.mkdir(exist_ok=True)
        with held(job.paths.audit / "lock", _busy(name)):
            for left in ("progress.json", "stop"):
                (job.paths.audit / left).unlink(missing_ok=True)
            identity = secrets.token_hex(6)
            values = {"id": identity, "asked": time.time(), "fresh": fresh, "doubts": doubts}
            write_json(job.paths.audit / "request.json", values)
    return job


def current_audit(workspace: Workspace, name: str) -> Audit | None:
    """The audit of the data set as it is now; None if it was not made."""
    audit = load_audit(workspace, name)
    if audit is None or not is_current(audit, load_manifest(workspace, name)):
        return None
    return audit


def execute(workspace: Workspace, name: str, tell: Tell | None = None) -> None:
    """Do what was asked for and leave the outcome; a second call finds it done.

    Raises:
        DataError: another process is doing it.
    """
    job = AuditJob(workspace, name)
    if job.request() is None:
        ask(workspace, name)
    with held(job.paths.audit / "lock", _busy(name)):
        request = job.request()
        outcome = _read(job.paths.audit / "outcome.json") or {}
        if request is None or outcome.get("request") == request["id"]:
            return
        reporter = _Reporter(job, tell)
        try:
            _carry_out(job, request, reporter)
            _end_with(job, request, "done")
        except Stopped:
            _end_with(job, request, "stopped", "The audit was stopped.", "Start it again.")
        except MedxferError as error:
            _end_with(job, request, "failed", error.problem, error.remedy)
        except Exception:
            logging.exception("audit of %s", name)
            fault = f"The audit met a fault in medxfer (id {request['id']})."
            _end_with(job, request, "failed", fault, "Name this id when you report it.")
            raise


def _carry_out(job: AuditJob, request: dict[str, Any], reporter: _Reporter) -> None:
    # scikit-learn takes a second to import; whoever only watches does without
    from medxfer.audit.audit import run_audit
    from medxfer.audit.doubting import run_doubts

    workspace, name, weights = job.workspace, job.name, request["doubts"]
    with writing(workspace, name):
        reporter("Beginning", 0, 0)
        if request["fresh"] or current_audit(workspace, name) is None:
            run_audit(workspace, name, reporter, reporter.should_stop)
        if weights:
            run_doubts(workspace, name, weights, reporter, reporter.should_stop)


class _Reporter:
    """Writes progress down now and then, and looks whether it should stop."""

    def __init__(self, job: AuditJob, tell: Tell | None) -> None:
        self._paths = job.paths
        self._tell = tell
        self._step = ""
        self._due = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        if self._tell:
            self._tell(step, done, total)
        if time.monotonic() < self._due and done < total and step == self._step:
            return
        self._due, self._step = time.monotonic() + _REPORT_SECONDS, step
        if self.should_stop():
            raise Stopped
        progress = {"step": step, "done": done, "total": total}
        write_json(self._paths.audit / "progress.json", progress)

    def should_stop(self) -> bool:
        """Whether someone asked, or the data set was deleted meanwhile."""
        return (self._paths.audit / "stop").exists() or not self._paths.info.exists()


def _end_with(
    job: AuditJob, request: dict[str, Any], state: State, problem: str = "", remedy: str = ""
) -> None:
    if not job.paths.info.exists():  # writing would bring a deleted data set's folder back
        return
    outcome = {"request": request["id"], "state": state, "problem": problem, "remedy": remedy}
    try:
        write_json(job.paths.audit / "outcome.json", outcome)
    except OSError:  # the job then counts as lost, and its log may still say why
        logging.exception("audit of %s could not write down: %s", job.name, problem)


def _busy(name: str) -> DataError:
    return DataError(f"The data set '{name}' is being audited by another process.", "Wait for it.")


def _read(path: Path) -> dict[str, Any] | None:
    """A small JSON file; None if it is not there or cannot be read."""
    with suppress(OSError, ValueError):
        values: dict[str, Any] = json.loads(path.read_bytes())
        return values
    return None


def _end(*_: object) -> None:
    raise Stopped


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    os.nice(_NICENESS)
    execute(Workspace.find(Path(sys.argv[1])), sys.argv[2])
