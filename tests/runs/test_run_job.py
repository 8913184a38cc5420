"""Asking a run's network as a process of its own: done, failed, stopped, killed, found again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from begun import begin
from recorded import make_data

from medxfer.config import TrainConfig
from medxfer.data.library import delete_dataset, load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.job import State
from medxfer.paths import Workspace
from medxfer.runs import checking, evaluate
from medxfer.runs.decisions import looks_at
from medxfer.runs.external_record import list_externals
from medxfer.runs.job import (
    RunJob,
    ask_external,
    ask_familiarity,
    ask_heatmaps,
    ask_predictions,
    execute,
)
from medxfer.runs.results import saved_splits

SLOW = """
import sys, time
from pathlib import Path
from medxfer.runs import evaluate, job
def asking(workspace, run, split, tell):
    for done in range(9000):
        tell("Asking", done, 9000)
        time.sleep(0.01)
evaluate.evaluated = asking
job.begin_process()
job.execute(job.Workspace.find(Path(sys.argv[1])), sys.argv[2])
"""


def wait_for(job: RunJob, state: State) -> None:
    until = time.monotonic() + 60
    while job.state() != state or (state == "running" and not job.progress().total):
        assert time.monotonic() < until, job.state()
        time.sleep(0.02)


def test_its_own_process_makes_the_predictions(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run = begin(workspace, small_config)
    assert RunJob(workspace, run).state() == "none"
    job = ask_predictions(workspace, run, Split.VALIDATION)
    assert job.state() == "waiting"
    subprocess.run([sys.executable, *job.arguments], check=True, timeout=100)
    assert job.state() == "done"
    assert saved_splits(workspace, run) == [Split.VALIDATION]
    job.forget()
    assert RunJob(workspace, run).state() == "none"


@pytest.mark.parametrize(
    ("sent", "state", "said"),
    [(signal.SIGKILL, "lost", "without a word"), (signal.SIGTERM, "stopped", "was stopped")],
)
def test_an_ended_process_is_noticed(
    workspace: Workspace, small_config: TrainConfig, sent: signal.Signals, state: State, said: str
) -> None:
    run = begin(workspace, small_config)
    job = ask_predictions(workspace, run, Split.VALIDATION)
    words = [sys.executable, "-c", SLOW, str(workspace.root), run]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        wait_for(job, "running")
        assert job.progress().step == "Asking"
        with pytest.raises(RunError, match="being asked about other images"):
            ask_heatmaps(workspace, run, Split.VALIDATION)
        process.send_signal(sent)
        process.wait(20)
    assert job.state() == state
    assert said in str(job.error())
    ask_predictions(workspace, run, Split.VALIDATION)
    execute(workspace, run)
    assert job.state() == "done"


def test_the_stop_button_ends_it(workspace: Workspace, small_config: TrainConfig) -> None:
    run = begin(workspace, small_config)
    job = ask_predictions(workspace, run, Split.VALIDATION)
    words = [sys.executable, "-c", SLOW, str(workspace.root), run]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        wait_for(job, "running")
        job.stop()
        assert process.wait(20) == 0
    assert job.state() == "stopped"
    assert saved_splits(workspace, run) == []


def test_what_cannot_be_done_says_why(workspace: Workspace, small_config: TrainConfig) -> None:
    run = begin(workspace, small_config)
    delete_dataset(workspace, small_config.data)
    job = ask_familiarity(workspace, run)
    execute(workspace, run)
    assert job.state() == "failed"
    assert f"no data set called '{small_config.data}'" in str(job.error())
    with pytest.raises(RunError, match="no run"):
        ask_familiarity(workspace, "never")
    with pytest.raises(RunError, match="no run"):
        execute(workspace, "never")


def test_a_full_disk_is_told(
    workspace: Workspace, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run = begin(workspace, small_config)
    monkeypatch.setattr(evaluate, "evaluated", full)
    job = ask_predictions(workspace, run, Split.TEST)
    execute(workspace, run)
    assert job.state() == "failed"
    assert "No space left on device" in str(job.error())
    with monkeypatch.context() as patched:
        patched.setattr("medxfer.job.write_json", full)
        with pytest.raises(RunError, match="could not be written down"):
            ask_predictions(workspace, run, Split.TEST)


def test_each_kind_is_asked_for_as_wanted(
    workspace: Workspace, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(workspace, small_config)
    asked: list[object] = []
    monkeypatch.setattr(checking, "checked", lambda *given, tell: asked.append(given[1:]))
    ask_heatmaps(workspace, run, Split.TEST)
    execute(workspace, run)
    execute(workspace, run)  # finds it done
    assert asked == [(run, Split.TEST)]


@pytest.mark.parametrize(("part", "looks"), [(None, 1), (Split.TEST, 1), (Split.TRAIN, 0)])
def test_a_look_at_a_test_part_elsewhere_is_counted(
    workspace: Workspace, small_config: TrainConfig, tmp_path: Path, part: Split | None, looks: int
) -> None:
    run = begin(workspace, small_config)
    other = make_data(workspace, tmp_path / "other", "elsewhere")
    manifest = load_manifest(workspace, other)
    ours = load_manifest(workspace, small_config.data).classes
    matching = dict(zip(manifest.classes, ours, strict=False))
    job = ask_external(workspace, run, other, matching, part)
    execute(workspace, run)
    assert job.state() == "done", job.error()
    (record,) = list_externals(workspace, run)
    assert record.data == other
    assert record.split == (str(part) if part else "all")
    hashes = (manifest.content_hash, manifest.split_hash)
    assert looks_at(workspace, other, *hashes, run).this_run == looks
