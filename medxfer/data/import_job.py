"""An import as a process of its own, that a page can start, watch, stop and find again."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medxfer.data.importing import ImportReport, import_source
from medxfer.data.options import ImportOptions
from medxfer.data.staging import JOB_PREFIX, writing
from medxfer.errors import DataError, MedxferError, WorkspaceError
from medxfer.files import write_json
from medxfer.lock import held, is_held
from medxfer.paths import Workspace, check_name, typed_path

State = Literal["waiting", "running", "done", "failed", "lost"]

_START_SECONDS = 120
"""How long a job may wait for its process before it counts as lost."""
_REPORT_SECONDS = 0.25
_UPLOAD = "upload"
_RESERVE = "reserve"
_RESERVE_BYTES = 64 * 1024
"""Space that a job on a full disk gives up to write down why it failed."""


class _Stopped(Exception):  # noqa: N818 - a request, not an error
    """The person, or the system, asked the import to end."""


@dataclass(frozen=True)
class ImportJob:
    """The folder of one import."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name.removeprefix(JOB_PREFIX)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def arguments(self) -> list[str]:
        """The command line that runs this job."""
        return [sys.executable, "-m", "medxfer.data.import_job", str(self.folder)]

    def state(self) -> State:
        """Judged by what the process left behind and by the lock it holds while it lives."""
        if (self.folder / "lock").exists():
            # Asked in this order: a process that ends in between has left its outcome.
            if is_held(self.folder / "lock"):
                return "running"
            ended: State = "lost"
        else:
            age = time.time() - (self.folder / "spec.json").stat().st_mtime
            ended = "waiting" if age < _START_SECONDS else "lost"
        if (self.folder / "report.json").exists():
            return "done"
        return "failed" if (self.folder / "error.json").exists() else ended

    def progress(self) -> tuple[int, int]:
        """Pictures looked at, and how many there are; (0, 0) before that is known."""
        with suppress(FileNotFoundError):
            found = _read(self.folder / "progress.json")
            return found["done"], found["total"]
        return 0, 0

    def name(self) -> str:
        """The name the data set gets."""
        return str(_read(self.folder / "spec.json")["options"]["name"])

    def report(self) -> ImportReport:
        """What a job that is done has made."""
        return ImportReport.from_json(_read(self.folder / "report.json"))

    def error(self) -> DataError:
        """Why a job failed, as problem and remedy."""
        found = _read(self.folder / "error.json")
        return DataError(found["problem"], found["remedy"])

    def stop(self) -> None:
        """Ask the process to end; nothing of the import stays."""
        (self.folder / "stop").touch()


def create_job(
    workspace: Workspace, source: Path, options: ImportOptions, *, upload: bool = False
) -> ImportJob:
    """Write a job down; whoever calls this starts `arguments` as a detached process.

    An `upload` is moved into the job's folder and removed when the import has ended.

    Raises:
        DataError: the name is taken, or the source is no path.
        WorkspaceError: the job cannot be written, as on a full disk.
    """
    source = typed_path(source)
    if workspace.dataset(options.name).root.exists():
        raise DataError(
            f"There is already a data set called '{options.name}'.", "Choose another name."
        )
    job = ImportJob(workspace.staging / f"{JOB_PREFIX}{uuid.uuid4().hex[:12]}")
    try:
        with writing(workspace, options.name):
            job.folder.mkdir()
            (job.folder / _RESERVE).write_bytes(bytes(_RESERVE_BYTES))
            if upload:
                (job.folder / _UPLOAD).mkdir()
                source = Path(shutil.move(source, job.folder / _UPLOAD / source.name))
            spec = {
                "workspace": str(workspace.root),
                "source": str(source),
                "options": options.model_dump(mode="json"),
            }
            write_json(job.folder / "spec.json", spec)
    except WorkspaceError:
        shutil.rmtree(job.folder, ignore_errors=True)
        raise
    return job


def find_job(workspace: Workspace, job: str) -> ImportJob | None:
    """The job of this id; None if it is long gone."""
    folder = workspace.staging / f"{JOB_PREFIX}{check_name(job, 'import')}"
    return ImportJob(folder) if (folder / "spec.json").is_file() else None


def list_jobs(workspace: Workspace) -> list[ImportJob]:
    """All jobs still known, the latest first."""
    specs = workspace.staging.glob(f"{JOB_PREFIX}*/spec.json")
    dated = sorted(specs, key=lambda spec: spec.stat().st_mtime, reverse=True)
    return [ImportJob(spec.parent) for spec in dated]


def execute(folder: Path) -> None:
    """Do the import of a job and leave its outcome; a second call finds it done."""
    job = ImportJob(folder)
    busy = DataError("This import is being carried out by another process.", "Wait for it.")
    with held(folder / "lock", busy):
        if (folder / "report.json").exists() or (folder / "error.json").exists():
            return
        spec = _read(folder / "spec.json")
        try:
            report = import_source(
                Workspace.find(Path(spec["workspace"])),
                Path(spec["source"]),
                ImportOptions.parse(spec["options"]),
                _Reporter(job),
            )
            (folder / _RESERVE).unlink(missing_ok=True)
            write_json(folder / "report.json", report.to_json())
        except _Stopped:
            _fail(folder, "The import was stopped. Nothing of it was kept.", "Start it again.")
        except MedxferError as error:
            _fail(folder, error.problem, error.remedy)
        except Exception:
            logging.exception("import %s", job.id)
            fault = f"The import met a fault in medxfer (id {job.id})."
            _fail(folder, fault, "Nothing of it was kept. Name this id when you report it.")
            raise
        finally:
            shutil.rmtree(folder / _UPLOAD, ignore_errors=True)


class _Reporter:
    """Writes progress down now and then, and looks whether it should stop."""

    def __init__(self, job: ImportJob) -> None:
        self._folder = job.folder
        self._due = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() < self._due and done < total:
            return
        self._due = time.monotonic() + _REPORT_SECONDS
        if (self._folder / "stop").exists():
            raise _Stopped
        write_json(self._folder / "progress.json", {"done": done, "total": total})


def _fail(folder: Path, problem: str, remedy: str) -> None:
    (folder / _RESERVE).unlink(missing_ok=True)
    shutil.rmtree(folder / _UPLOAD, ignore_errors=True)
    try:
        write_json(folder / "error.json", {"problem": problem, "remedy": remedy})
    except OSError:  # the job then counts as lost, and its log may still say why
        logging.exception("import %s could not write down: %s", folder.name, problem)


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _end(*_: object) -> None:
    raise _Stopped


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    execute(Path(sys.argv[1]))
