"""Runs as folders, their state, and the index that can be rebuilt."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medxfer import lock
from medxfer.config import StrategyConfig, TrainConfig
from medxfer.errors import RunError, WorkspaceError
from medxfer.events import EpochFinished, Event, Failed, Finished, Fitted, Note, Stopped
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.runs.store import (
    create_run,
    damaged_runs,
    delete_run,
    list_runs,
    load_run,
    request_stop,
)
from medxfer.runs.summary import RunState, state_of, summarise

CONFIG = TrainConfig(data="d", weights="none", note="first try")
NOW = datetime.now(UTC)
BUSY = RunError("in use")
MOMENT, DAY = timedelta(seconds=1), timedelta(days=1)


def epoch(number: int, auroc: float | None, *, best: bool) -> EpochFinished:
    return EpochFinished(
        epoch=number, phase=0, learning_rate=1e-4, train={"loss": 0.5},
        validation={"loss": 0.6, "auroc": auroc}, seconds=2.0, best=best,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "alive", "age", "state"),
    [
        ([], False, MOMENT, RunState.WAITING),
        ([], False, DAY, RunState.LOST),
        ([], True, DAY, RunState.RUNNING),
        ([epoch(1, 0.7, best=True)], True, MOMENT, RunState.RUNNING),
        ([epoch(1, 0.7, best=True)], False, MOMENT, RunState.LOST),
        ([Finished(seconds=1)], False, DAY, RunState.FINISHED),
        ([Finished(seconds=1)], True, DAY, RunState.FINISHED),
        ([Stopped(seconds=1)], False, MOMENT, RunState.STOPPED),
        ([Failed(problem="no")], False, MOMENT, RunState.FAILED),
    ],
)
def test_the_state_is_the_sum_of_events_and_liveness(
    events: list[Event], alive: bool, age: timedelta, state: RunState
) -> None:
    assert state_of(events, alive=alive, queued=False, created=datetime.now(UTC) - age) is state


def test_the_summary_follows_the_best_epoch() -> None:
    events = [epoch(1, 0.7, best=True), epoch(2, 0.9, best=True), epoch(3, 0.8, best=False)]
    line = summarise("r", CONFIG, NOW, events, alive=True, queued=False, kept=None)
    assert (line.epochs, line.best_epoch, line.validation["auroc"]) == (3, 2, 0.9)


def test_events_come_back_as_they_went_and_a_half_written_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert journal.read(path) == ([], 0)
    written = [epoch(1, None, best=False), Note(text="über 90 %\n=1+1"), Failed(problem="p")]
    for event in written:
        journal.append(path, event)
    events, offset = journal.read(path)
    assert events == written
    with path.open("ab") as file:
        file.write(b'{"kind": "fin')
    assert journal.read(path, offset) == ([], offset)
    with path.open("ab") as file:
        file.write(b'ished", "seconds": 3}\n')
    (last,), _ = journal.read(path, offset)
    assert isinstance(last, Finished)


def test_a_line_that_does_not_fit_on_the_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    journal.append(path, Note(text="first"))
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from medxfer.events import Note; from medxfer.runs import journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        "try: journal.append(Path(sys.argv[1]), Note(text='x' * 400))\n"
        "except OSError: sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == 7
    journal.append(path, Note(text="second"))
    texts = [event.text for event in journal.read(path)[0] if isinstance(event, Note)]
    assert texts == ["first", "second"]


def test_a_run_is_found_again_from_its_folder_alone(workspace: Workspace) -> None:
    run, is_new = create_run(workspace, CONFIG)
    assert is_new
    journal.append(workspace.run(run).events, epoch(1, 0.7, best=True))
    journal.append(
        workspace.run(run).events,
        Fitted(reason="completed", best_epoch=1, validation={"auroc": 0.7}),
    )
    journal.append(workspace.run(run).events, Finished(seconds=3))

    (line,) = list_runs(workspace)
    assert (line.run, line.state, line.note) == (run, RunState.FINISHED, "first try")
    assert list_runs(workspace) == [line]  # now from the index
    workspace.index.unlink()
    assert list_runs(workspace) == [line]  # and rebuilt


def test_runs_are_listed_newest_first_and_a_damaged_one_is_left_out(workspace: Workspace) -> None:
    runs = [create_run(workspace, CONFIG)[0] for _ in range(3)]
    workspace.run(runs[1]).config.write_text("{")
    assert [line.run for line in list_runs(workspace)] == [runs[2], runs[0]]
    with pytest.raises(RunError, match="damaged"):
        load_run(workspace, runs[1])
    workspace.run(runs[0]).events.write_text('{"kind": "nonsense"}\n')
    assert [line.run for line in list_runs(workspace)] == [runs[2]]
    with pytest.raises(RunError, match="damaged"):
        load_run(workspace, runs[0])
    assert damaged_runs(workspace) == [runs[0], runs[1]]


def test_a_deleted_run_leaves_the_index_too(workspace: Workspace) -> None:
    run, _ = create_run(workspace, CONFIG)
    journal.append(workspace.run(run).events, Finished(seconds=3))
    assert list_runs(workspace)
    delete_run(workspace, run)
    assert list_runs(workspace) == []
    assert list(workspace.staging.iterdir()) == []


def test_a_running_run_is_not_deleted(workspace: Workspace) -> None:
    run, _ = create_run(workspace, CONFIG)
    with lock.held(workspace.run(run).lock, BUSY), pytest.raises(RunError, match="still running"):
        delete_run(workspace, run)
    assert load_run(workspace, run)


def test_an_unknown_run_names_the_nearest(workspace: Workspace) -> None:
    run, _ = create_run(workspace, CONFIG)
    with pytest.raises(RunError, match=f"Did you mean '{run}'"):
        load_run(workspace, run[:-1])
    with pytest.raises(RunError, match="There is no run"):
        load_run(workspace, "../../etc")


def test_one_press_of_a_button_makes_one_run(workspace: Workspace) -> None:
    made: list[tuple[str, bool]] = []

    def press() -> None:
        made.append(create_run(workspace, CONFIG, request="button-1"))

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert len({run for run, _ in made}) == 1
    assert sum(is_new for _, is_new in made) == 1
    assert len(list(workspace.runs.iterdir())) == 1


def test_a_stop_is_asked_for_once_the_run_is_there_to_hear_it(workspace: Workspace) -> None:
    run, _ = create_run(workspace, CONFIG)
    assert request_stop(workspace, run) is RunState.WAITING
    assert workspace.run(run).stop_request.exists()
    ended, _ = create_run(workspace, CONFIG)
    journal.append(workspace.run(ended).events, Finished(seconds=3))
    assert request_stop(workspace, ended) is RunState.FINISHED
    assert not workspace.run(ended).stop_request.exists()


def test_a_run_without_predictions_says_when_they_come(workspace: Workspace) -> None:
    run, _ = create_run(workspace, CONFIG)
    assert saved_splits(workspace, run) == []
    with pytest.raises(RunError, match="when training ends"):
        load_predictions(workspace, run, "val")


def test_an_index_of_a_newer_version_is_not_touched(workspace: Workspace) -> None:
    list_runs(workspace)
    with sqlite3.connect(workspace.index) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(WorkspaceError, match="newer version"):
        list_runs(workspace)


def test_a_damaged_index_says_that_no_run_is_lost(workspace: Workspace) -> None:
    workspace.index.write_bytes(b"not a database" * 100)
    with pytest.raises(WorkspaceError, match="no run is lost"):
        list_runs(workspace)


HOLDER = (
    "import sys, time; from pathlib import Path; from medxfer import lock\n"
    "from medxfer.errors import RunError as Busy\n"
)


def hold_in_another_process(path: Path) -> subprocess.Popen[bytes]:
    code = f"{HOLDER}\nwith lock.held(Path(sys.argv[1]), Busy('')):\n"
    code += " print('ok', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"ok"
    return process


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not lock.is_held(path)
    with hold_in_another_process(path) as process:
        assert lock.is_held(path)
        with pytest.raises(RunError, match="in use"), lock.held(path, BUSY):
            pass
        process.kill()
        process.wait()
    assert not lock.is_held(path)


def test_a_child_that_outlives_the_worker_does_not_keep_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    more = "import os; child = os.fork() or time.sleep(60); print(child, flush=True)"
    code = f"{HOLDER}\nwith lock.held(Path(sys.argv[1]), Busy('')):\n {more}\n time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert lock.is_held(path)
        parent.kill()
        parent.wait()
        try:
            assert not lock.is_held(path)
        finally:
            os.kill(child, signal.SIGKILL)


def test_looking_at_ones_own_lock_does_not_free_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.held(path, BUSY):
        assert lock.is_held(path)
        assert _seen_from_outside(path)
    assert not lock.is_held(path)


def _seen_from_outside(path: Path) -> bool:
    """What another process answers. A plain command: a child of `multiprocessing` would first
    import this process's `__main__`, which a page tested here earlier has replaced."""
    code = (
        "import pathlib, sys; from medxfer import lock; "
        "print(lock.is_held(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout == "True\n"


def test_watching_runs_does_not_import_torch(workspace: Workspace) -> None:
    code = (
        "import sys; import medxfer.runs.store, medxfer.runs.results, medxfer.executors.local, "
        "medxfer.training.plan, medxfer.evaluation.metrics, medxfer.evaluation.confusion\n"
        "assert 'torch' not in sys.modules, 'torch'"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_strategy_is_kept_with_the_run(workspace: Workspace) -> None:
    config = CONFIG.model_copy(update={"strategy": StrategyConfig(name="progressive")})
    run, _ = create_run(workspace, config)
    assert load_run(workspace, run).config == config
