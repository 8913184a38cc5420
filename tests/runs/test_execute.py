"""Executing a run: in the foreground, in a process of its own, and what is left afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import answers, make_data

from medxfer import lock
from medxfer.cache.room import CacheRoom
from medxfer.config import Imbalance, Monitor, TrainConfig
from medxfer.data.library import load_manifest, resplit
from medxfer.data.manifest import PARTS, Split
from medxfer.data.readers import read_picture
from medxfer.errors import EvaluationError, RunError, WeightsError
from medxfer.evaluation.metrics import epoch_metrics, summary
from medxfer.evaluation.predict import predict
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.temperature import fit_temperature
from medxfer.events import (
    Died,
    EpochFinished,
    Event,
    Failed,
    Finished,
    Fitted,
    Note,
    Paused,
    PredictionsSaved,
    Resumed,
    Started,
)
from medxfer.executors.local import start
from medxfer.machine import on_cpu
from medxfer.models.preprocessing import to_input
from medxfer.paths import Workspace
from medxfer.runs import execute as execution
from medxfer.runs import journal
from medxfer.runs.decisions import decide_temperature, decisions
from medxfer.runs.evaluate import evaluated
from medxfer.runs.execute import execute
from medxfer.runs.loading import load_model
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.runs.store import create_run, list_runs, load_run, request_stop
from medxfer.runs.summary import RunState
from medxfer.training import saves


def carried_out(workspace: Workspace, config: TrainConfig) -> tuple[str, list[Event]]:
    run, _ = create_run(workspace, config)
    return run, list(execute(workspace, run))


def test_a_finished_run_holds_what_is_needed_to_use_and_judge_it(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run, events = carried_out(workspace, small_config)

    loaded = load_run(workspace, run)
    assert loaded.events == events
    assert loaded.summary.state is RunState.FINISHED
    assert [line.run for line in list_runs(workspace)] == [run]

    started = events[0]
    assert isinstance(started, Started)
    manifest = load_manifest(workspace, small_config.data)
    assert started.manifest_hash == manifest.content_hash
    assert started.split_hash == manifest.split_hash
    assert started.images == {"train": 16, "val": 8, "test": 8, "excluded": 0}
    assert started.phases[0].learning_parameters == started.parameters
    assert {"torch", "torchvision", "medxfer", "python"} <= started.versions.keys()

    assert saved_splits(workspace, run) == ["val", "test"]
    model = load_model(workspace, run)
    assert model.classes == manifest.classes
    assert not model.model.training
    fitted = next(event for event in events if isinstance(event, Fitted))
    assert model.epoch == fitted.best_epoch
    assert len(list(loaded.paths.checkpoints.glob("*.safetensors"))) == 1
    for split in (Split.VALIDATION, Split.TEST):
        saved = load_predictions(workspace, run, split)
        again = predict(model.model, manifest, split, CacheRoom(workspace.cache), on_cpu())
        np.testing.assert_allclose(saved.logits, again.logits, atol=1e-4)
        assert saved.facts["image"].tolist() == manifest.part(split).table["image"].tolist()
    validation = load_predictions(workspace, run, "val")
    expected = epoch_metrics(validation.truth, validation.logits)
    assert {k: fitted.validation[k] for k in expected} == pytest.approx(expected)
    assert summary(validation)["auroc"] == pytest.approx(fitted.validation["auroc"])


@pytest.mark.parametrize("imbalance", Imbalance)
def test_training_that_weighs_images_switches_the_temperature_on(
    workspace: Workspace,
    tmp_path: Path,
    small_config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    imbalance: Imbalance,
) -> None:
    data = make_data(workspace, tmp_path / "more")
    told = answers(load_manifest(workspace, data), Split.VALIDATION)

    def judge(*args: object) -> Generator[Event, None, Predictions]:
        yield from ()
        return told

    monkeypatch.setattr(execution, "judge", judge)
    changes = {"data": data, "imbalance": imbalance, "epochs": 1}
    run, events = carried_out(workspace, small_config.model_copy(update=changes))
    line = decisions(workspace, run).temperature
    notes = [event.text for event in events if isinstance(event, Note)]
    assert isinstance(events[-1], Finished)
    if imbalance is Imbalance.NONE:
        assert line is None
        assert not any("temperature" in note for note in notes)
        return
    assert line is not None
    assert line.on
    assert line.after_training
    assert line.value == pytest.approx(fit_temperature(told))
    (note,) = (note for note in notes if "temperature" in note)
    assert f"temperature of {line.value:.2f}" in note
    assert "makes probabilities less extreme" in note
    assert "cannot mend" in note
    assert "corrected" not in note


def stopped_before_predicting(
    workspace: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A run that was stopped, and had no time left to predict; later its network answers so."""

    def no_time(*args: object) -> Generator[Event, None, None]:
        yield from ()

    monkeypatch.setattr(execution, "judge", no_time)
    run, events = carried_out(workspace, config)
    assert not any(isinstance(event, PredictionsSaved) for event in events)
    assert decisions(workspace, run).temperature is None
    monkeypatch.setattr(
        "medxfer.runs.evaluate.predict", lambda _, manifest, split, *rest: answers(manifest, split)
    )
    return run


@pytest.mark.parametrize("first", [Split.VALIDATION, Split.TEST])
def test_what_was_not_predicted_in_time_gets_its_temperature_later(
    workspace: Workspace,
    tmp_path: Path,
    small_config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    first: Split,
) -> None:
    data = make_data(workspace, tmp_path / "more")
    changes = {"data": data, "imbalance": Imbalance.CLASS_WEIGHTS, "epochs": 1}
    config = small_config.model_copy(update=changes)
    run = stopped_before_predicting(workspace, config, monkeypatch)
    evaluated(workspace, run, first)
    line = decisions(workspace, run).temperature
    assert line is not None
    assert line.on
    assert line.after_training
    assert saved_splits(workspace, run)[0] == "val", "the temperature comes before a look at test"
    decide_temperature(workspace, run, on=False)
    workspace.run(run).predictions("val").unlink()
    evaluated(workspace, run, Split.VALIDATION)
    assert decisions(workspace, run).divisor == 1, "a person decided otherwise"


def test_training_that_counts_images_alike_gets_no_temperature_later(
    workspace: Workspace,
    tmp_path: Path,
    small_config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = make_data(workspace, tmp_path / "more")
    changes = {"data": data, "imbalance": Imbalance.NONE, "epochs": 1}
    run = stopped_before_predicting(workspace, small_config.model_copy(update=changes), monkeypatch)
    evaluated(workspace, run, Split.VALIDATION)
    assert decisions(workspace, run).temperature is None


def test_a_run_records_what_is_known_of_its_data(
    workspace: Workspace, tmp_path: Path, small_config: TrainConfig
) -> None:
    known = []
    for data in (small_config.data, make_data(workspace, tmp_path / "more")):
        changes = {"data": data, "epochs": 1}
        _, events = carried_out(workspace, small_config.model_copy(update=changes))
        first = events[0]
        assert isinstance(first, Started)
        known.append(
            (first.patients_known, first.patients_shared, first.copies_shared, first.audit)
        )
    assert known == [(False, None, None, ""), (True, False, None, "")]


def test_the_same_settings_give_the_same_weights(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    config = small_config.model_copy(update={"epochs": 1})
    hashes = {load_model(workspace, carried_out(workspace, config)[0]).sha256 for _ in range(2)}
    assert len(hashes) == 1


def test_predictions_that_were_not_saved_are_made_when_asked_for(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run, _ = carried_out(workspace, small_config.model_copy(update={"epochs": 1}))
    paths = workspace.run(run)
    before = load_predictions(workspace, run, "test")
    paths.predictions("test").unlink()
    after = evaluated(workspace, run, Split.TEST)
    np.testing.assert_allclose(after.logits, before.logits, atol=1e-4)
    assert len(evaluated(workspace, run, Split.TRAIN)) == 16
    assert saved_splits(workspace, run) == ["train", "val", "test"]


def test_a_run_passes_its_backbone_on(workspace: Workspace, small_config: TrainConfig) -> None:
    first, _ = carried_out(workspace, small_config.model_copy(update={"epochs": 1}))
    second, events = carried_out(
        workspace,
        small_config.model_copy(
            update={
                "weights": f"run:{first}",
                "epochs": 1,
                "strategy": small_config.strategy.model_copy(update={"name": "all"}),
            }
        ),
    )
    assert isinstance(events[0], Started)
    assert first in events[0].weights
    one, two = (load_model(workspace, run).model.state_dict() for run in (first, second))
    counters = ("num_batches_tracked",)  # plain batch norm never reads them; they begin at 0
    assert all(
        (one[name] == two[name]).all()
        for name in one
        if not name.startswith("fc.") and not name.endswith(counters)
    )


def test_a_stop_keeps_what_was_learned(workspace: Workspace, small_config: TrainConfig) -> None:
    run, _ = create_run(workspace, small_config.model_copy(update={"epochs": 500}))
    seen: list[Event] = []
    for event in execute(workspace, run):
        seen.append(event)
        if event.kind == "epoch_finished":
            request_stop(workspace, run)
    assert seen[-1].kind == "stopped"
    assert load_run(workspace, run).summary.state is RunState.STOPPED
    assert load_model(workspace, run).epoch == 1
    assert saved_splits(workspace, run) == ["val", "test"]


def test_a_stop_while_predicting_is_heeded_and_the_rest_is_made_when_asked_for(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run, _ = create_run(workspace, small_config.model_copy(update={"epochs": 1}))
    for event in execute(workspace, run):
        if event.kind == "predictions_saved":
            request_stop(workspace, run)
    assert load_run(workspace, run).summary.state is RunState.STOPPED
    assert saved_splits(workspace, run) == ["val"]
    assert len(evaluated(workspace, run, Split.TEST)) == 8


def test_a_run_is_not_judged_on_splits_or_classes_it_was_not_trained_on(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run, _ = carried_out(workspace, small_config.model_copy(update={"epochs": 1}))
    resplit(workspace, small_config.data, keep_given=False, seed=5)
    assert len(evaluated(workspace, run, Split.TEST)) == 8  # what was saved then still holds
    with pytest.raises(RunError, match="no longer the one"):
        evaluated(workspace, run, Split.TRAIN)


def test_a_failed_run_keeps_its_best_epoch_for_use(
    workspace: Workspace, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = create_run(workspace, small_config.model_copy(update={"epochs": 3}))

    def no_number(*_: object) -> Iterator[int]:
        raise EvaluationError("The model gave no valid number.")
        yield 0

    for event in execute(workspace, run):
        if event.kind == "epoch_finished":
            monkeypatch.setattr("medxfer.training.fit.predicting", no_number)
    summary = load_run(workspace, run).summary
    assert summary.state is RunState.FAILED
    assert "diverged" in summary.problem
    assert summary.has_model
    assert load_model(workspace, run).epoch == summary.best_epoch == 1


def test_of_a_run_that_was_cut_off_the_best_epoch_is_the_one_whose_weights_are_there(
    workspace: Workspace, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saving is put off while epochs are short: what was told is not always what was kept."""
    monkeypatch.setattr(saves, "_TIMES_A_SAVE", 1e9)
    config = small_config.model_copy(update={"epochs": 4, "monitor": Monitor.LOSS})
    run, _ = create_run(workspace, config)
    told = []
    events = execute(workspace, run)
    for event in events:
        if isinstance(event, EpochFinished) and event.best:
            told.append(event.epoch)
            if len(told) == 2:
                break
    events.close()
    summary = load_run(workspace, run).summary
    assert summary.state is RunState.LOST
    assert load_model(workspace, run).epoch == summary.best_epoch == told[0]


def test_what_learned_files_do_later_does_not_matter(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    """Decoded once, the pictures of a run are its own."""
    run, _ = create_run(workspace, small_config)
    for event in execute(workspace, run):
        if event.kind == "epoch_finished":
            for path in load_manifest(workspace, small_config.data).part(Split.TRAIN).paths():
                path.unlink(missing_ok=True)
    assert load_run(workspace, run).summary.state is RunState.FINISHED


def test_a_full_disk_pauses_the_run_with_a_sentence_and_keeps_what_was_saved(
    workspace: Workspace, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = create_run(workspace, small_config.model_copy(update={"epochs": 3}))
    append = journal.append

    def full_after_an_epoch(path: Path, event: Event) -> None:
        second = isinstance(event, EpochFinished) and event.epoch > 1
        if workspace.run(run).reserve.exists() and second:
            raise OSError(28, "No space left on device")
        append(path, event)

    monkeypatch.setattr(journal, "append", full_after_an_epoch)
    paused = list(execute(workspace, run))[-1]
    assert isinstance(paused, Paused)
    assert paused.reason == "disk"
    assert "is full" in paused.problem
    assert "epoch 1 is safe" in paused.problem
    assert "press Continue" in paused.remedy
    assert load_run(workspace, run).summary.state is RunState.PAUSED
    assert not workspace.run(run).reserve.exists()
    assert load_model(workspace, run).epoch == 1
    monkeypatch.undo()
    again = list(execute(workspace, run))
    assert isinstance(again[1], Resumed)
    assert again[1].epoch == 1
    assert load_run(workspace, run).summary.state is RunState.FINISHED


def test_damaged_predictions_are_made_anew(workspace: Workspace, small_config: TrainConfig) -> None:
    run, _ = carried_out(workspace, small_config.model_copy(update={"epochs": 1}))
    path = workspace.run(run).predictions("test")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(EvaluationError):
        load_predictions(workspace, run, "test")
    assert len(evaluated(workspace, run, Split.TEST)) == 8
    assert len(load_predictions(workspace, run, "test")) == 8


def test_predictions_belong_to_their_pictures(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    """A network that answers with the mean grey value of what it is given."""

    class Mean(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs.mean(dim=(1, 2, 3))[:, None] * torch.tensor([[1.0, -1.0]])

    manifest = load_manifest(workspace, small_config.data)
    for split in PARTS:
        part = manifest.part(split)
        said = predict(Mean(), manifest, split, CacheRoom(workspace.cache), on_cpu(), batch_size=5)
        alone = [to_input(read_picture(path).pixels).mean().item() for path in part.paths()]
        # a quarter of a grey level: the store keeps small pictures as they are, to_input enlarges
        # them to whole grey levels first
        np.testing.assert_allclose(said.logits[:, 0], alone, atol=5e-3)
        assert said.facts["file"].tolist() == part.table["file"].tolist()


def test_a_stop_before_the_first_epoch_ends_leaves_a_usable_network(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run, _ = create_run(workspace, small_config)
    request_stop(workspace, run)
    assert [event.kind for event in execute(workspace, run)][-1] == "stopped"
    assert load_model(workspace, run).epoch == 0


def test_a_mendable_failure_is_a_sentence_and_a_pause(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run, events = carried_out(workspace, small_config.model_copy(update={"weights": "run:nobody"}))
    paused = events[-1]
    assert isinstance(paused, Paused)
    assert paused.reason == "data"
    assert "nobody" in paused.problem
    assert paused.remedy
    summary = load_run(workspace, run).summary
    assert summary.problem == paused.problem
    assert summary.state is RunState.PAUSED
    with pytest.raises(WeightsError, match="no weights yet"):
        load_model(workspace, run)


def test_a_fault_of_ours_has_an_id_and_no_details(
    workspace: Workspace, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[Event]:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(execution, "fit", broken)
    _, events = carried_out(workspace, small_config)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.error_id
    assert failed.error_id in failed.remedy
    assert "secret" not in failed.model_dump_json()


def test_a_run_is_executed_by_one_process(workspace: Workspace, small_config: TrainConfig) -> None:
    run, _ = create_run(workspace, small_config)
    with (
        lock.held(workspace.run(run).lock, RunError("")),
        pytest.raises(RunError, match="another process"),
    ):
        list(execute(workspace, run))


def wait_until(workspace: Workspace, run: str, *states: RunState, seconds: float = 90) -> RunState:
    end = time.monotonic() + seconds
    while (state := load_run(workspace, run).summary.state) not in states:
        assert time.monotonic() < end, f"still {state} after {seconds} s"
        time.sleep(0.2)
    return state


def test_a_worker_lives_on_its_own_and_sigterm_pauses_it(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    config = small_config.model_copy(update={"epochs": 500, "early_stopping": None})
    run = start(workspace, config, "request")
    assert start(workspace, config, "request") == run
    assert len(list_runs(workspace)) == 1
    try:
        wait_until(workspace, run, RunState.RUNNING)
        while not any(e.kind == "epoch_finished" for e in load_run(workspace, run).events):
            time.sleep(0.2)
        started = load_run(workspace, run).events[0]
        assert isinstance(started, Started)
        signalled = time.monotonic()
        os.kill(started.pid, signal.SIGTERM)
        state = wait_until(workspace, run, RunState.PAUSED, RunState.FAILED, RunState.LOST)
    finally:
        request_stop(workspace, run)
    assert state is RunState.PAUSED
    assert time.monotonic() - signalled < 8
    assert load_model(workspace, run)
    assert "Traceback" not in workspace.run(run).log.read_text()
    record = json.loads((workspace.run(run).checkpoints / "best.json").read_text())
    assert record["classes"] == ["NORMAL", "PNEUMONIA"]


def test_a_killed_worker_is_told_of_and_its_run_goes_on_by_itself(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    run = start(workspace, small_config.model_copy(update={"epochs": 500, "early_stopping": None}))
    wait_until(workspace, run, RunState.RUNNING)
    while not any(e.kind == "epoch_finished" for e in load_run(workspace, run).events):
        time.sleep(0.2)
    started = load_run(workspace, run).events[0]
    assert isinstance(started, Started)
    os.kill(started.pid, signal.SIGKILL)
    end = time.monotonic() + 90
    try:
        while not any(e.kind == "resumed" for e in load_run(workspace, run).events):
            assert time.monotonic() < end
            time.sleep(0.2)
        (died,) = [e for e in load_run(workspace, run).events if isinstance(e, Died)]
        assert died.code == -signal.SIGKILL
    finally:
        request_stop(workspace, run)
    assert wait_until(workspace, run, RunState.STOPPED) is RunState.STOPPED


def test_a_worker_holds_the_lock_before_it_imports_what_takes_long(
    workspace: Workspace, small_config: TrainConfig
) -> None:
    """Else a run whose process starts slowly, on a busy machine, would be called lost."""
    run, _ = create_run(workspace, small_config)
    fake = (
        "import sys, types\n"
        "from medxfer import lock\n"
        "from medxfer.paths import Workspace\n"
        "from medxfer.runs import worker\n"
        "class Slow(types.ModuleType):\n"
        "    def __getattr__(self, name):\n"
        "        if name == 'execute':\n"
        f"            print(lock.is_held(Workspace(Path(sys.argv[1])).run({run!r}).lock))\n"
        "            return lambda *_, **named: [types.SimpleNamespace(kind=str(named))]\n"
        "        raise AttributeError(name)\n"
        "from pathlib import Path\n"
        "sys.modules['medxfer.runs.execute'] = Slow('medxfer.runs.execute')\n"
        f"print(worker.main([sys.argv[1], {run!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", fake, str(workspace.root)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", "0"]
