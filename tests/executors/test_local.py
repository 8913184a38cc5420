"""Runs are queued, taken up again and stopped from here; nothing is executed in these tests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import acting
import pytest

from medxfer import lock
from medxfer.config import TrainConfig
from medxfer.errors import RunError
from medxfer.events import (
    Cancelled,
    Died,
    EpochFinished,
    Event,
    Failed,
    Finished,
    Fitted,
    Paused,
    Resumed,
    Stopped,
)
from medxfer.executors import local
from medxfer.files import write_json
from medxfer.paths import Workspace
from medxfer.runs import decision_log, journal, queue
from medxfer.runs.decision_log import By, Opening, PointLine
from medxfer.runs.store import create_run, list_runs, load_run, request_stop
from medxfer.runs.summary import RunState

CONFIG = TrainConfig(data="d", weights="none", epochs=4)
PAUSED = Paused(reason="disk", problem="The disk is full.")
STOPPED = [
    Fitted(reason="stop_requested", best_epoch=2, validation={"auroc": 0.7}),
    Stopped(seconds=5),
]


@pytest.fixture(autouse=True)
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands that would have been started."""
    commands: list[Sequence[str]] = []

    def spawn(arguments: Sequence[str], log: Path) -> int:
        commands.append(arguments)
        return 0

    monkeypatch.setattr(local, "spawn", spawn)
    return commands


def epoch(number: int) -> EpochFinished:
    return EpochFinished(
        epoch=number, phase=0, learning_rate=1e-3, train={}, validation={"auroc": 0.7},
        seconds=1, best=True,
    )  # fmt: skip


def add_run(workspace: Workspace, *events: Event, kept: int | None = None) -> str:
    run, _ = create_run(workspace, CONFIG)
    for event in [acting.started(), *events]:
        journal.append(workspace.run(run).events, event)
    if kept is not None:
        write_json(workspace.run(run).checkpoints / "best.json", {"epoch": kept})
    return run


def state(workspace: Workspace, run: str) -> RunState:
    return load_run(workspace, run).summary.state


def test_start_queues_at_once_and_wakes_one_supervisor(
    workspace: Workspace, spawned: list[Sequence[str]]
) -> None:
    begun = time.monotonic()
    run = local.start(workspace, CONFIG, "button", by="Ada")
    assert time.monotonic() - begun < 1
    assert local.start(workspace, CONFIG, "button") == run
    assert [job.by for job in queue.jobs(workspace)] == ["Ada"]
    assert spawned[0][:2] == ["-m", "medxfer.executors.supervisor"]
    spawned.clear()
    with lock.held(workspace.supervisor, RunError("")):
        local.start(workspace, CONFIG)
    assert spawned == []


def test_a_run_is_queued_though_no_supervisor_can_be_started(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(arguments: object, log: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(local, "spawn", refuse)
    assert local.start(workspace, CONFIG) == queue.waiting(workspace)[0]


@pytest.mark.parametrize("ending", [PAUSED, Cancelled(), Died(problem="Killed."), None])
def test_a_run_that_stands_still_goes_on(workspace: Workspace, ending: Event | None) -> None:
    run = add_run(workspace, epoch(1), *([ending] if ending else []), kept=1)
    paths = workspace.run(run)
    paths.stop_request.touch()
    assert list_runs(workspace)[0].state.can_go_on
    local.resume(workspace, run, by="Ada")
    local.resume(workspace, run, by="Ada")  # a double click
    assert state(workspace, run) is RunState.WAITING
    assert list_runs(workspace)[0].state is RunState.WAITING
    assert not paths.stop_request.exists()
    (job,) = queue.jobs(workspace)
    assert (job.run, job.by, job.attempts) == (run, "Ada", 0)


@pytest.mark.parametrize("ending", [Finished(seconds=1), Failed(problem="The loss is no number.")])
def test_a_run_that_has_ended_does_not_go_on(workspace: Workspace, ending: Event) -> None:
    run = add_run(workspace, epoch(1), ending, kept=1)
    with pytest.raises(RunError, match="cannot go on"):
        local.resume(workspace, run)
    assert queue.jobs(workspace) == []


def test_a_stopped_run_goes_on_while_nothing_was_concluded_from_it(workspace: Workspace) -> None:
    run = add_run(workspace, epoch(1), epoch(2), *STOPPED, kept=2)
    local.resume(workspace, run)
    assert state(workspace, run) is RunState.WAITING


def test_a_stopped_run_without_epochs_left_does_not_go_on(workspace: Workspace) -> None:
    done = add_run(workspace, *(epoch(number) for number in (1, 2, 3, 4)), *STOPPED, kept=2)
    early = [Fitted(reason="early_stopping", best_epoch=1, validation={}), Stopped(seconds=5)]
    for run in (done, add_run(workspace, epoch(1), *early, kept=1)):
        with pytest.raises(RunError, match="no epochs left"):
            local.resume(workspace, run)


def test_a_stopped_run_does_not_go_on_after_its_test_set_was_opened(workspace: Workspace) -> None:
    opened = add_run(workspace, epoch(1), *STOPPED, kept=1)
    opening = Opening(
        run=opened, by=By.PAGE, fingerprint="", temperature=1, threshold=None, data="d",
        manifest_hash="", split_hash="",
    )  # fmt: skip
    decision_log.append(workspace.run(opened).decisions, opening)
    with pytest.raises(RunError, match="test set was opened"):
        local.resume(workspace, opened)
    decided = add_run(workspace, epoch(1), *STOPPED, kept=1)
    decision_log.append(workspace.run(decided).decisions, PointLine(point=None, temperature=1))
    with pytest.raises(RunError, match="threshold or another decision"):
        local.resume(workspace, decided)


def test_stop_takes_a_waiting_run_out_of_the_queue(workspace: Workspace) -> None:
    run = local.start(workspace, CONFIG)
    assert local.stop(workspace, run) is RunState.CANCELLED
    assert queue.jobs(workspace) == []
    local.resume(workspace, run)
    assert queue.waiting(workspace) == [run]


def test_stop_asks_a_run_under_way(workspace: Workspace) -> None:
    run = local.start(workspace, CONFIG)
    with lock.held(workspace.run(run).lock, RunError("")):
        assert local.stop(workspace, run) is RunState.RUNNING
    assert workspace.run(run).stop_request.exists()


@pytest.mark.parametrize("ending", [PAUSED, Died(problem="Killed."), None])
def test_a_run_that_stands_still_is_stopped_with_what_it_learned(
    workspace: Workspace, ending: Event | None
) -> None:
    run = add_run(workspace, epoch(1), epoch(2), *([ending] if ending else []), kept=1)
    took = load_run(workspace, run).summary.seconds
    assert local.stop(workspace, run) is RunState.STOPPED
    line = load_run(workspace, run).summary
    assert (line.has_model, line.best_epoch, line.problem) == (True, 1, "")
    assert line.seconds == took
    assert local.stop(workspace, run) is RunState.STOPPED


def test_a_run_that_stands_still_and_has_learned_nothing_is_cancelled(workspace: Workspace) -> None:
    run = add_run(workspace, PAUSED)
    assert local.stop(workspace, run) is RunState.CANCELLED
    assert not load_run(workspace, run).summary.has_model


def test_stopping_what_has_ended_changes_nothing(workspace: Workspace) -> None:
    run = add_run(workspace, epoch(1), Finished(seconds=1), kept=1)
    before = workspace.run(run).events.read_bytes()
    assert local.stop(workspace, run) is RunState.FINISHED
    assert request_stop(workspace, run) is RunState.FINISHED
    assert workspace.run(run).events.read_bytes() == before
    assert not workspace.run(run).stop_request.exists()


def test_a_run_stopped_taken_up_and_stopped_again_keeps_its_time(workspace: Workspace) -> None:
    run = add_run(workspace, epoch(1), *STOPPED, acting.started(), Resumed(epoch=1), PAUSED, kept=1)
    before = load_run(workspace, run).summary.seconds
    local.stop(workspace, run)
    assert load_run(workspace, run).summary.seconds == pytest.approx(before)
