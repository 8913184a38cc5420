"""Runs that were paused, cut off or broken, and how they go on."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from medxfer.cli.main import medxfer
from medxfer.cli.telling import Telling
from medxfer.config import StrategyConfig, TrainConfig
from medxfer.data import integrity
from medxfer.data.library import load_manifest, resplit
from medxfer.data.manifest import Manifest, Split
from medxfer.errors import RunError, WeightsError
from medxfer.events import (
    EpochFinished,
    Event,
    Failed,
    Note,
    Paused,
    PhaseStarted,
    Preparing,
    Resumed,
    Started,
)
from medxfer.models import checkpoint
from medxfer.models.weights.load import LoadedWeights
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import execute as execution
from medxfer.runs import fetching, journal
from medxfer.runs.execute import execute
from medxfer.runs.loading import load_model
from medxfer.runs.pausing import Pausing, paused
from medxfer.runs.results import saved_splits
from medxfer.runs.store import create_run, list_runs, load_run, request_stop
from medxfer.runs.summary import RunState
from medxfer.training import preflight
from medxfer.training import saves as saving
from medxfer.training.step import Step


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A save after each epoch, however short it is, and nothing made for single scans."""
    monkeypatch.setattr(saving, "_TIMES_A_SAVE", 0)
    monkeypatch.setattr(execution, "make_within", lambda *_: False)


@pytest.fixture
def config(small_config: TrainConfig) -> TrainConfig:
    """Three quick epochs of the head over kept features."""
    changes = {"strategy": StrategyConfig(name="all"), "epochs": 3, "views": 2}
    return small_config.model_copy(update=changes)


def begun(workspace: Workspace, config: TrainConfig) -> tuple[str, RunPaths]:
    run, _ = create_run(workspace, config)
    return run, workspace.run(run)


def carried_out(
    workspace: Workspace, run: str, epoch: int = 0, then: Callable[[], object] = lambda: None
) -> list[Event]:
    """All events; `then` is done once an epoch was told."""
    seen: list[Event] = []
    for event in execute(workspace, run):
        seen.append(event)
        if isinstance(event, EpochFinished) and event.epoch == epoch:
            then()
    return seen


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """From now on every step of learning fails like this."""

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(Step, "__call__", fails)


def test_a_paused_run_goes_on_to_the_weights_of_one_that_was_not(
    workspace: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = begun(workspace, config)
    expected = carried_out(workspace, whole)
    run, paths = begun(workspace, config)
    paths.queued.touch()
    pausing = Pausing(paths)
    seen: list[Event] = []
    for event in execute(workspace, run, pausing):
        assert paths.queued.exists() == (not any(isinstance(e, Started) for e in [*seen, event]))
        seen.append(event)
        if isinstance(event, EpochFinished) and event.epoch == 2:
            pausing.asked.set()
    word = seen[-1]
    assert word == paused().model_copy(update={"time": word.time})
    assert word.time >= seen[0].time
    summary = load_run(workspace, run).summary
    assert summary.state is RunState.PAUSED
    assert summary.has_model
    assert saved_splits(workspace, run) == []
    assert (paths.checkpoints / "state.json").exists()

    def gone(*_: object) -> LoadedWeights:
        raise WeightsError("The weights it began with are gone.")

    monkeypatch.setattr(fetching, "load_weights", gone)
    threads = torch.get_num_threads()
    told = paths.events.read_text()
    paths.events.write_text(told.replace(f'"threads":{threads}', '"threads":64'))
    again = carried_out(workspace, run)
    assert [type(event) for event in again[:2]] == [Started, Resumed]
    assert again[1].epoch == 2  # type: ignore[union-attr]
    warnings = [event.text for event in again if isinstance(event, Note)]
    assert len(warnings) == 1, "what was said before is not said again"
    assert f"threads 64, now {threads}" in warnings[0]
    assert not any(isinstance(event, PhaseStarted) for event in again)

    loaded = load_run(workspace, run)
    assert loaded.summary.state is RunState.FINISHED
    assert load_model(workspace, run).sha256 == load_model(workspace, whole).sha256
    for one, other in zip(*(
        [event.model_dump(exclude={"time", "seconds"}) for event in events
         if isinstance(event, EpochFinished)]
        for events in (loaded.events, expected)
    ), strict=True):  # fmt: skip
        assert one == other
    assert sorted(file.name for file in paths.checkpoints.iterdir()) == [
        "best.json", f"epoch-{loaded.summary.best_epoch:04d}.safetensors",
    ]  # fmt: skip
    assert not paths.reserve.exists()
    with pytest.raises(RunError, match="is finished"):
        carried_out(workspace, run)


def test_a_stopped_run_can_go_on(workspace: Workspace, config: TrainConfig) -> None:
    run, paths = begun(workspace, config)
    carried_out(workspace, run, 1, lambda: request_stop(workspace, run))
    assert load_run(workspace, run).summary.state is RunState.STOPPED
    assert saved_splits(workspace, run) == ["val", "test"]
    paths.stop_request.unlink()
    events = carried_out(workspace, run)
    assert isinstance(events[1], Resumed)
    summary = load_run(workspace, run).summary
    assert (summary.state, summary.epochs) == (RunState.FINISHED, 3)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_save_that_the_disk_refuses_pauses_the_run_and_leaves_the_last_one(
    workspace: Workspace, config: TrainConfig
) -> None:
    run, paths = begun(workspace, config)
    events = execute(workspace, run)
    while not isinstance(event := next(events), EpochFinished) or event.epoch < 2:
        pass
    before = {file.name: file.read_bytes() for file in paths.checkpoints.iterdir()}
    with file_size_limit(1_000_000):
        paused = list(events)[-1]
    assert isinstance(paused, Paused)
    assert paused.reason == "disk"
    assert "full" in paused.problem
    assert "checkpoint of epoch 1 is safe" in paused.problem
    assert {file.name: file.read_bytes() for file in paths.checkpoints.iterdir()} == before
    carried_out(workspace, run)
    assert load_run(workspace, run).summary.state is RunState.FINISHED


def test_a_file_that_changes_while_it_is_decoded_pauses_the_run_with_all_their_names(
    workspace: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = begun(workspace, config)
    victims = load_manifest(workspace, config.data).part(Split.TRAIN).paths()[:4]
    contents = [victim.read_bytes() for victim in victims]

    def fine_and_then_not(manifest: Manifest) -> None:
        victims[0].write_bytes(b"another picture")
        victims[1].write_bytes(contents[1][:50])
        victims[2].unlink(missing_ok=True)
        victims[3].unlink(missing_ok=True)

    monkeypatch.setattr(preflight, "check_unchanged", fine_and_then_not)
    paused = carried_out(workspace, run)[-1]
    assert isinstance(paused, Paused)
    assert paused.reason == "data"
    assert "4 of 32 files changed or vanished" in paused.problem
    assert sum(victim.name in paused.problem for victim in victims) == 3
    assert "press Continue" in paused.remedy
    monkeypatch.setattr(preflight, "check_unchanged", integrity.check_unchanged)
    for victim, content in zip(victims, contents, strict=True):
        victim.write_bytes(content)
    again = carried_out(workspace, run)
    assert again[1] == Resumed(epoch=0, time=again[1].time)
    assert load_run(workspace, run).summary.state is RunState.FINISHED


def test_a_run_does_not_go_on_with_another_data_set(
    workspace: Workspace, config: TrainConfig
) -> None:
    run, paths = begun(workspace, config)
    pausing = Pausing(paths)
    for event in execute(workspace, run, pausing):
        if isinstance(event, EpochFinished):
            pausing.asked.set()
    resplit(workspace, config.data, keep_given=False, seed=5)
    (paused,) = carried_out(workspace, run)
    assert isinstance(paused, Paused)
    assert paused.reason == "data"
    assert "no longer the one that this run began with" in paused.problem
    assert (paths.checkpoints / "state.json").exists()


def test_a_lost_gpu_pauses_the_run(
    workspace: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = begun(workspace, config)
    lost = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    paused = carried_out(workspace, run, 1, lambda: failing(monkeypatch, lost))[-1]
    assert isinstance(paused, Paused)
    assert paused.reason == "device"
    assert "GPU was lost" in paused.problem
    assert "epoch 1 is safe" in paused.problem
    assert load_model(workspace, run).epoch == 1


def test_a_damaged_state_is_told_and_not_begun_anew(
    workspace: Workspace, config: TrainConfig
) -> None:
    run, paths = begun(workspace, config)
    pausing = Pausing(paths)
    for event in execute(workspace, run, pausing):
        if isinstance(event, EpochFinished):
            pausing.asked.set()
    last = paths.checkpoints / "last-0001.safetensors"
    good = last.read_bytes()
    last.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    (paused,) = carried_out(workspace, run)
    assert isinstance(paused, Paused)
    assert f"state of run {run} is damaged: last-0001" in paused.problem
    last.write_bytes(good)
    assert carried_out(workspace, run)[-1].kind == "finished"


def test_a_run_that_diverges_fails_and_keeps_what_was_finite(
    workspace: Workspace, config: TrainConfig
) -> None:
    optimiser = config.optimiser.model_copy(update={"learning_rate": 1.0})
    run, _ = begun(workspace, config.model_copy(update={"optimiser": optimiser}))

    def spoil() -> None:
        for group in torch_optimisers[-1].param_groups:
            group["lr"] = 1e30

    torch_optimisers: list[torch.optim.Optimizer] = []
    make = torch.optim.AdamW.__init__

    def noted(self: torch.optim.AdamW, *rest: Any, **named: Any) -> None:
        make(self, *rest, **named)
        torch_optimisers.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "__init__", noted)
        failed = carried_out(workspace, run, 1, spoil)[-1]
    assert isinstance(failed, Failed)
    assert "diverged" in failed.problem
    assert "try a tenth" in failed.remedy
    assert load_model(workspace, run).epoch == 1
    assert all(
        checkpoint.is_finite(v) for v in load_model(workspace, run).model.state_dict().values()
    )


def test_weights_are_fetched_by_the_run_which_tells_how_far_it_is(
    workspace: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, paths = begun(workspace, config)

    def slowly(*arguments: Any) -> LoadedWeights:
        for done in range(20):
            arguments[-1](done, 20)
            time.sleep(0.02)
        return LoadedWeights({}, "none", "")

    monkeypatch.setattr(fetching, "load_weights", slowly)
    seen = []
    for event in execute(workspace, run):
        seen.append(event)
        if isinstance(event, Preparing) and event.step == "weights":
            request_stop(workspace, run)
    assert seen[-1].kind == "cancelled"
    assert load_run(workspace, run).summary.state is RunState.CANCELLED
    paths.stop_request.unlink()
    assert carried_out(workspace, run)[-1].kind == "finished"


def test_a_page_need_not_wait_for_weights(
    workspace: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object) -> None:
        raise WeightsError("loaded")

    monkeypatch.setattr(preflight, "load_weights", loaded)
    imagenet = config.model_copy(update={"weights": "imagenet"})
    preflight.check(workspace, imagenet, fetch=False)
    for settings, fetch in ((imagenet, True), (config, False)):
        with pytest.raises(WeightsError, match="loaded"):
            preflight.check(workspace, settings, fetch=fetch)


def test_half_a_line_of_a_killed_writer_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first, second = Resumed(epoch=1), Resumed(epoch=2)
    for half in ("", '{"kind": "epo'):
        path.write_text(half)
        journal.append(path, first)
        with path.open("a") as file:
            file.write(half)
        journal.append(path, second)
        assert journal.read(path)[0] == [first, second]


BUSY = """
import hashlib, sys
from pathlib import Path
from medxfer.paths import RunPaths
from medxfer.runs.pausing import pausing_on_signals
with pausing_on_signals(RunPaths(Path(sys.argv[1])), lambda: print("heard", flush=True), 0.5):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)  # minutes, none of them in Python
"""


def test_a_pause_does_not_wait_for_a_batch_that_takes_long(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    paths.queued.touch()
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        signalled = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "heard\n"
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - signalled < 5
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    (last,) = journal.read(paths.events)[0]
    assert isinstance(last, Paused)
    assert last.problem == paused().problem
    assert not paths.queued.exists()


def test_ctrl_c_pauses_training_in_a_terminal_and_says_how_to_go_on(
    workspace: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(_: object, event: Event) -> None:
        if isinstance(event, EpochFinished):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)  # the thread that waits for it needs a moment

    monkeypatch.setattr(Telling, "__call__", pressed)
    before = signal.getsignal(signal.SIGINT)
    done = CliRunner().invoke(
        medxfer,
        ["train", "--data", config.data, "--weights", "none", "--strategy", "all", "--epochs", "9",
         "--batch-size", "8", "--device", "cpu", "--workspace", str(workspace.root)],
        standalone_mode=False,
    )  # fmt: skip
    assert done.exception is None
    assert signal.getsignal(signal.SIGINT) is before
    (run,) = list_runs(workspace)
    assert run.state is RunState.PAUSED
    for way_on in (f"medxfer runs resume {run.run}", f"medxfer runs stop {run.run}"):
        assert way_on in done.stdout
        assert way_on in done.stderr


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_killed_at_any_moment_a_run_ends_as_one_that_was_left_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "--moments", "10", "--points", "10"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
