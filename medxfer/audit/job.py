"""The audit as a process of its own, that a page can start, watch, stop and find again.

`python -m medxfer.audit.job WORKSPACE NAME` does what was asked for and not done yet.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medxfer.audit.keeping import load_audit
from medxfer.audit.record import Audit, is_current
from medxfer.data.library import dataset_info, load_manifest
from medxfer.data.staging import writing
from medxfer.errors import DataError
from medxfer.events import Tell
from medxfer.job import Job, Reporter, begin_process
from medxfer.paths import DatasetPaths, Workspace


@dataclass(frozen=True)
class AuditJob(Job):
    """The latest audit that was asked for of one data set, whatever became of it."""

    words = "The audit"
    error_class = DataError
    workspace: Workspace
    name: str

    @property
    def paths(self) -> DatasetPaths:
        return self.workspace.dataset(self.name)

    @property
    def folder(self) -> Path:
        return self.paths.audit

    @property
    def arguments(self) -> list[str]:
        return ["-m", "medxfer.audit.job", str(self.workspace.root), self.name]

    @property
    def is_wanted(self) -> bool:
        return self.paths.info.exists()

    @property
    def busy(self) -> DataError:
        return DataError(
            f"The data set '{self.name}' is being audited by another process.", "Wait for it."
        )


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
        job.ask({"fresh": fresh, "doubts": doubts})
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

    def work(request: dict[str, Any], reporter: Reporter) -> None:
        _carry_out(workspace, name, request, reporter)

    job.carry_out(work, tell)


def _carry_out(
    workspace: Workspace, name: str, request: dict[str, Any], reporter: Reporter
) -> None:
    # scikit-learn takes a second to import; whoever only watches does without
    from medxfer.audit.audit import run_audit
    from medxfer.audit.doubting import run_doubts

    with writing(workspace, name):
        reporter("Beginning", 0, 0)
        if request["fresh"] or current_audit(workspace, name) is None:
            run_audit(workspace, name, reporter, reporter.should_stop)
        if weights := request["doubts"]:
            run_doubts(workspace, name, weights, reporter, reporter.should_stop)


if __name__ == "__main__":
    begin_process()
    execute(Workspace.find(Path(sys.argv[1])), sys.argv[2])
