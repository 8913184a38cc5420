"""An import as its own process: started, watched, stopped, found again."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from medxfer.data import import_job
from medxfer.data.import_job import ImportJob, State, create_job, execute, find_job, list_jobs
from medxfer.data.importing import ImportOptions
from medxfer.data.library import clear_abandoned, list_datasets
from medxfer.errors import DataError, WorkspaceError
from medxfer.paths import Workspace

Write = Callable[[Iterable[str]], Path]
OPTIONS = ImportOptions(name="set")


def wait_for(job: ImportJob, *states: State) -> State:
    until = time.monotonic() + 20
    while (state := job.state()) not in states:
        assert time.monotonic() < until, state
        time.sleep(0.02)
    return state


@pytest.fixture
def source(write: Write) -> Path:
    return write([f"{c}/{n}.png" for c in "AB" for n in range(10)])


def test_a_job_runs_and_is_found_again(workspace: Workspace, source: Path) -> None:
    job = create_job(workspace, source, OPTIONS)
    assert job.state() == "waiting"
    assert job.progress() == (0, 0)
    assert find_job(workspace, job.id) == job
    assert list_jobs(workspace) == [job]
    subprocess.run(job.arguments, check=True, timeout=60)
    assert job.state() == "done"
    assert job.progress() == (20, 20)
    assert job.report().images == 20
    assert [info.name for info in list_datasets(workspace)] == ["set"]
    assert find_job(workspace, "unknown") is None
    with pytest.raises(DataError, match="already"):
        create_job(workspace, source, OPTIONS)


def test_an_upload_is_cleared_away(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    upload = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", source))
    job = create_job(workspace, upload, OPTIONS, upload=True)
    assert not upload.exists()
    execute(job.folder)
    assert job.report().images == 20
    assert not list(job.folder.rglob("*.zip"))


def test_a_refused_import_leaves_its_sentence(workspace: Workspace, tmp_path: Path) -> None:
    job = create_job(workspace, tmp_path / "gone", OPTIONS)
    execute(job.folder)
    assert job.state() == "failed"
    assert "There is no file or folder" in str(job.error())


def test_stop_keeps_nothing(workspace: Workspace, source: Path) -> None:
    job = create_job(workspace, source, OPTIONS)
    job.stop()
    execute(job.folder)
    assert "was stopped" in str(job.error())
    assert not list_datasets(workspace)
    assert [entry.name for entry in workspace.staging.iterdir()] == [job.folder.name]


def test_a_fault_shows_an_id_and_no_path(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(import_job, "import_source", broken)
    job = create_job(workspace, source, OPTIONS)
    with pytest.raises(ZeroDivisionError):
        execute(job.folder)
    assert job.id in str(job.error())
    assert str(workspace.root) not in str(job.error())


def test_a_full_disk_ends_a_job_quietly(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    job = create_job(workspace, source, OPTIONS)
    with monkeypatch.context() as patched:
        patched.setattr(import_job, "write_json", full)
        execute(job.folder)
        with pytest.raises(WorkspaceError, match="the disk is full"):
            create_job(workspace, source, OPTIONS)
    assert job.state() == "lost"
    assert not list_datasets(workspace)
    assert list_jobs(workspace) == [job]


HANG = """
import sys, time
import medxfer.data.importing as importing
from medxfer.data import import_job
def hang(workspace, source, options, progress):
    with importing.staged(workspace, options.name):
        progress(1, 9)
        time.sleep(60)
import_job.import_source = hang
import_job.signal.signal(import_job.signal.SIGTERM, import_job._end)
import_job.execute(import_job.Path(sys.argv[1]))
"""


@pytest.mark.parametrize(("sent", "state"), [(signal.SIGKILL, "lost"), (signal.SIGTERM, "failed")])
def test_a_killed_job_is_noticed(
    workspace: Workspace, source: Path, sent: signal.Signals, state: State
) -> None:
    job = create_job(workspace, source, OPTIONS)
    with subprocess.Popen([sys.executable, "-c", HANG, str(job.folder)]) as process:
        wait_for(job, "running")
        while job.progress() != (1, 9):
            time.sleep(0.02)
        process.send_signal(sent)
        process.wait(10)
    assert job.state() == state
    clear_abandoned(workspace)
    assert [entry.name for entry in workspace.staging.iterdir()] == [job.folder.name]
    old = time.time() - 2 * 24 * 3600
    os.utime(job.folder, (old, old))
    assert clear_abandoned(workspace) == 1
    assert not list_jobs(workspace)
