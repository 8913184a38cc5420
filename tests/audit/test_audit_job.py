"""An audit as its own process: started, watched, stopped, killed, found again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from medxfer.audit import audit, doubting
from medxfer.audit.job import AuditJob, ask, current_audit, execute
from medxfer.data.library import dataset_info, delete_dataset, list_datasets
from medxfer.errors import DataError
from medxfer.job import Progress, State, Stopped
from medxfer.paths import Workspace

FAKE = """
import sys, time
import pandas as pd
from pathlib import Path
from medxfer.audit import audit, job
from medxfer.audit.copies import PAIR_COLUMNS
class Looks:
    def features(self):
        return pd.DataFrame({"mean": range(self.n)})
def appearance(store, rows):
    looks = Looks()
    looks.n = len(rows)
    for done in range(int(sys.argv[3])):
        yield done, 9000
        time.sleep(0.01)
    return looks
def near(manifest, looks, store, exact):
    yield 1, 1
    return pd.DataFrame(columns=list(PAIR_COLUMNS))
audit._checks = lambda: audit.Checks(
    appearance,
    lambda *_: pd.DataFrame(columns=list(PAIR_COLUMNS)),
    near,
    lambda *_: pd.DataFrame(columns=["image", "reason", "value"]),
)
job.begin_process()
job.execute(job.Workspace.find(Path(sys.argv[1])), sys.argv[2])
"""


def start(job: AuditJob, steps: int) -> subprocess.Popen[bytes]:
    """The job's process, with pixel checks that take so many steps of 10 ms."""
    words = [sys.executable, "-c", FAKE, str(job.workspace.root), job.name, str(steps)]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL)


def wait_for(job: AuditJob, *states: State) -> None:
    until = time.monotonic() + 20
    while job.state() not in states or (states == ("running",) and not job.progress().total):
        assert time.monotonic() < until, job.state()
        time.sleep(0.02)


def test_a_job_runs_and_is_found_again(workspace: Workspace, small_data: str) -> None:
    assert AuditJob(workspace, small_data).state() == "none"
    job = ask(workspace, small_data)
    assert job.state() == "waiting"
    assert job.progress() == Progress()
    with start(job, 3) as process:
        assert process.wait(60) == 0
    assert AuditJob(workspace, small_data).state() == "done"
    assert job.progress().step == "Trying shortcuts"
    made = current_audit(workspace, small_data)
    assert made is not None
    execute(workspace, small_data)  # finds it done: with the real checks it would take long
    again = current_audit(workspace, small_data)
    assert again is not None
    assert again.created == made.created
    assert ask(workspace, small_data).state() == "waiting"


@pytest.mark.parametrize(("sent", "state"), [(signal.SIGKILL, "lost"), (signal.SIGTERM, "stopped")])
def test_an_ended_job_is_noticed_and_taken_up_again(
    workspace: Workspace, small_data: str, sent: signal.Signals, state: State
) -> None:
    job = ask(workspace, small_data)
    with start(job, 9000) as process:
        wait_for(job, "running")
        assert job.progress().step == "Looking at pictures"
        with pytest.raises(DataError, match="audited by another process"):
            ask(workspace, small_data)
        with pytest.raises(DataError, match="audited by another process"):
            execute(workspace, small_data)
        process.send_signal(sent)
        process.wait(10)
    assert job.state() == state
    assert current_audit(workspace, small_data) is None
    if state == "stopped":
        ask(workspace, small_data)
    with start(job, 1) as process:
        assert process.wait(60) == 0
    assert job.state() == "done"
    assert current_audit(workspace, small_data) is not None


def test_stop_and_deletion_end_it(workspace: Workspace, small_data: str) -> None:
    job = ask(workspace, small_data)
    with start(job, 9000) as process:
        wait_for(job, "running")
        job.stop()
        assert process.wait(20) == 0
    assert job.state() == "stopped"
    assert "was stopped" in str(job.error())
    job = ask(workspace, small_data)
    with start(job, 9000) as process:
        wait_for(job, "running")
        delete_dataset(workspace, small_data)
        assert process.wait(20) == 0
    assert not workspace.dataset(small_data).root.exists()
    assert not list_datasets(workspace)


def test_an_expected_error_leaves_its_sentence_and_a_fault_its_id(
    workspace: Workspace, small_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise DataError("A file vanished.", "Put it back.")

    monkeypatch.setattr(audit, "run_audit", refused)
    job = ask(workspace, small_data)
    execute(workspace, small_data)
    assert (job.state(), str(job.error())) == ("failed", "A file vanished. Put it back.")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(audit, "run_audit", broken)
    job = ask(workspace, small_data)
    with pytest.raises(ZeroDivisionError):
        execute(workspace, small_data)
    assert job.state() == "failed"
    request = job.request()
    assert request is not None
    assert request["id"] in str(job.error())


def test_a_current_audit_is_not_made_again_and_doubts_come_after_it(
    workspace: Workspace, small_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(audit, "run_audit", lambda *_: done.append("audit"))
    monkeypatch.setattr(doubting, "run_doubts", lambda *given: done.append(given[2]))
    ask(workspace, small_data, doubts="imagenet")
    execute(workspace, small_data)
    assert done == ["audit", "imagenet"]
    monkeypatch.setattr("medxfer.audit.job.current_audit", lambda *_: object())
    for fresh, expected in ((False, []), (True, ["audit"])):
        done.clear()
        ask(workspace, small_data, fresh=fresh)
        execute(workspace, small_data)
        assert done == expected


def test_no_data_set_no_job(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="no data set called 'nothing'"):
        ask(workspace, "nothing")
    with pytest.raises(DataError, match="no data set called 'nothing'"):
        execute(workspace, "nothing")
    assert not workspace.dataset("nothing").root.exists()


def test_a_full_disk_leaves_it_lost(
    workspace: Workspace, small_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise Stopped

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    job = ask(workspace, small_data)
    monkeypatch.setattr(audit, "run_audit", stopped)
    (job.paths.audit / "progress.json").write_text('{"step": "x", "done": 1, "total": 2}')
    with monkeypatch.context() as patched:
        patched.setattr("medxfer.job.write_json", full)
        execute(workspace, small_data)
    assert job.state() == "lost"
    assert "without a word" in str(job.error())
    assert dataset_info(workspace, small_data).name == small_data
