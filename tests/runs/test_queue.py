"""The queue: order, claims, one run a request, and what is left when the database is gone."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from medxfer import lock
from medxfer.config import Device, TrainConfig
from medxfer.errors import RunError, WorkspaceError
from medxfer.events import Cancelled, Finished
from medxfer.paths import Workspace
from medxfer.runs import index, journal, queue
from medxfer.runs.queue import Move
from medxfer.runs.slots import CPU, find_slots, hold, slot
from medxfer.runs.store import create_run, list_runs, load_run
from medxfer.runs.summary import RunState

CONFIG = TrainConfig(data="d", weights="none")
ANY = tuple(Device)


def submit(workspace: Workspace, device: Device = Device.AUTO, by: str = "") -> str:
    config = CONFIG.model_copy(update={"device": device})
    return create_run(workspace, config, queued=True, by=by)[0]


def fill(workspace: Workspace, count: int) -> list[str]:
    """So many jobs of runs that have no folder; quickly."""
    runs = [f"run{number:03}" for number in range(count)]
    with index.changing(workspace.index) as connection:
        for run in runs:
            queue.add(connection, run, Device.AUTO)
    return runs


def take_all(workspace: Workspace, slot_name: str) -> list[str]:
    taken = []
    while (job := queue.claim(workspace, slot_name, ANY)) is not None:
        taken.append(job.run)
        queue.finish(workspace, job)
    return taken


IN_A_PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from medxfer.paths import Workspace
from test_queue import take_all
workspace, name = Workspace(Path(sys.argv[1])), sys.argv[2]
with ThreadPoolExecutor(5) as threads:
    for taken in threads.map(lambda n: take_all(workspace, f"{name}-{n}"), range(5)):
        print(*taken)
"""


@pytest.mark.slow
def test_300_jobs_claimed_by_20_threads_of_4_processes_are_claimed_once(
    workspace: Workspace,
) -> None:
    runs = fill(workspace, 300)
    here = str(Path(__file__).parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([here, *sys.path])}
    words = [sys.executable, "-c", IN_A_PROCESS, str(workspace.root)]
    taking = [
        subprocess.Popen([*words, str(n)], stdout=subprocess.PIPE, text=True, env=environment)
        for n in range(4)
    ]
    parts = [process.communicate(timeout=120)[0].split() for process in taking]
    assert [process.returncode for process in taking] == [0] * 4
    taken = Counter(run for part in parts for run in part)
    assert sorted(taken) == runs
    assert set(taken.values()) == {1}
    assert queue.jobs(workspace) == []


def test_jobs_are_claimed_in_the_order_they_came_and_by_device(workspace: Workspace) -> None:
    first, gpu, second = (submit(workspace, d) for d in (Device.CPU, Device.CUDA, Device.AUTO))
    claimed = [queue.claim(workspace, CPU, [Device.CPU, Device.AUTO])]
    assert queue.claim(workspace, "gpu-0", [Device.CUDA]) is not None
    assert claimed[0] is not None
    assert (claimed[0].run, claimed[0].attempts, claimed[0].slot) == (first, 1, CPU)
    assert [job.run for job in queue.jobs(workspace)] == [first, gpu, second]
    assert queue.waiting(workspace) == [second]


def test_a_slot_has_one_job(workspace: Workspace) -> None:
    submit(workspace)
    submit(workspace)
    assert queue.claim(workspace, CPU, ANY)
    with pytest.raises(WorkspaceError):
        queue.claim(workspace, CPU, ANY)
    assert len(queue.waiting(workspace)) == 1


def test_one_press_of_a_button_makes_one_run_in_the_queue(workspace: Workspace) -> None:
    made: list[str] = []

    def press() -> None:
        made.append(create_run(workspace, CONFIG, "button-1", queued=True)[0])

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert set(made) == set(queue.waiting(workspace)) == {made[0]}
    assert [path.name for path in workspace.runs.iterdir()] == [made[0]]
    assert list(workspace.staging.iterdir()) == []


def test_a_queued_run_waits_until_a_process_has_it(workspace: Workspace) -> None:
    run = submit(workspace, by="Ada")
    assert load_run(workspace, run).summary.state is RunState.WAITING
    assert [job.by for job in queue.jobs(workspace)] == ["Ada"]
    with lock.held(workspace.run(run).lock, RunError("")):
        assert load_run(workspace, run).summary.state is RunState.RUNNING


def test_a_waiting_run_is_moved(workspace: Workspace) -> None:
    a, b, c = (submit(workspace) for _ in range(3))
    queue.move(workspace, c, Move.UP)
    assert queue.waiting(workspace) == [a, c, b]
    queue.move(workspace, a, Move.DOWN)
    assert queue.waiting(workspace) == [c, a, b]
    queue.move(workspace, b, Move.FIRST)
    assert queue.waiting(workspace) == [b, c, a]
    queue.move(workspace, b, Move.UP)
    queue.move(workspace, a, Move.DOWN)
    assert queue.waiting(workspace) == [b, c, a]
    assert queue.claim(workspace, CPU, ANY)
    with pytest.raises(RunError, match="does not wait"):
        queue.move(workspace, b, Move.FIRST)


def test_a_run_is_cancelled_while_it_waits_and_not_later(workspace: Workspace) -> None:
    waits, begun = submit(workspace), submit(workspace)
    queue.move(workspace, begun, Move.FIRST)
    assert queue.claim(workspace, CPU, ANY)
    assert queue.cancel(workspace, waits)
    assert not queue.cancel(workspace, waits)
    assert not queue.cancel(workspace, begun)
    loaded = load_run(workspace, waits)
    assert loaded.summary.state is RunState.CANCELLED
    assert [type(event) for event in loaded.events] == [Cancelled]
    assert not loaded.paths.queued.exists()
    assert queue.claim(workspace, "gpu-0", ANY) is None


def test_a_deleted_database_costs_the_order_and_nothing_else(workspace: Workspace) -> None:
    a, b, c = (submit(workspace, by="Ada") for _ in range(3))
    queue.move(workspace, c, Move.FIRST)
    queue.cancel(workspace, b)
    workspace.index.unlink()
    queue.mend(workspace)
    assert queue.waiting(workspace) == [a, c]
    assert {job.by for job in queue.jobs(workspace)} == {"Ada"}
    assert [line.run for line in list_runs(workspace)] == [c, b, a]


def test_what_the_markers_do_not_say_is_dropped_from_the_table(workspace: Workspace) -> None:
    a, b = submit(workspace), submit(workspace)
    workspace.run(a).queued.unlink()
    queue.mend(workspace)
    assert queue.waiting(workspace) == [b]


def test_a_damaged_marker_still_counts(workspace: Workspace) -> None:
    run = submit(workspace)
    workspace.run(run).queued.write_bytes(b"\xff{")
    workspace.index.unlink()
    queue.mend(workspace)
    assert queue.waiting(workspace) == [run]


def _submit_without_end(workspace: Workspace) -> None:
    for number in range(1000):
        create_run(workspace, CONFIG, f"{number:04}" + "x" * 1000, queued=True)


def test_a_full_disk_under_the_database_makes_no_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = submit(workspace)

    def full(path: object) -> sqlite3.Connection:
        connection = sqlite3.connect(str(path), timeout=1)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(index, "_connect", full)
    with pytest.raises(WorkspaceError, match="disk is full") as told:
        _submit_without_end(workspace)
    assert "Free some space" in told.value.remedy
    monkeypatch.undo()
    made = queue.waiting(workspace)
    assert kept in made
    assert sorted(path.name for path in workspace.runs.iterdir()) == sorted(made)
    assert list(workspace.staging.iterdir()) == []
    with sqlite3.connect(workspace.index) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    assert submit(workspace) in queue.waiting(workspace)


def test_a_run_that_was_queued_again_keeps_its_job_when_the_old_process_ends(
    workspace: Workspace,
) -> None:
    run = submit(workspace)
    job = queue.claim(workspace, CPU, ANY)
    assert job is not None
    queue.again(workspace, job)
    queue.finish(workspace, job)
    assert queue.waiting(workspace) == [run]
    assert queue.jobs(workspace)[0].attempts == 1


def test_a_run_taken_up_again_is_read_anew_from_its_folder(workspace: Workspace) -> None:
    run, _ = create_run(workspace, CONFIG)
    journal.append(workspace.run(run).events, Finished(seconds=1))
    assert list_runs(workspace)[0].state is RunState.FINISHED
    queue.mark(workspace.run(run))
    assert list_runs(workspace)[0].state is RunState.WAITING
    workspace.run(run).queued.unlink()
    journal.append(workspace.run(run).events, Cancelled())
    assert list_runs(workspace)[0].state is RunState.CANCELLED


def test_an_older_database_is_brought_up_to_date(workspace: Workspace) -> None:
    with sqlite3.connect(workspace.index) as connection:
        index.MIGRATIONS[0](connection)
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert queue.waiting(workspace) == []
    assert submit(workspace) == queue.waiting(workspace)[0]


def test_a_computer_without_gpu_has_one_slot_for_every_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (only,) = find_slots()
    assert (only.name, set(only.devices), only.visible) == (CPU, set(Device), None)


def test_each_gpu_is_a_slot_that_sees_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, GPU-8f2/a,-1,3")
    first, second, cpu = find_slots()
    assert (first.name, second.name, cpu.name) == ("gpu-0", "gpu-GPU-8f2-a", CPU)
    assert cpu.devices == (Device.CPU,)
    assert first.environment["CUDA_VISIBLE_DEVICES"] == "0"
    assert Device.CPU not in second.devices


def test_a_run_in_the_foreground_waits_for_the_device(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("medxfer.runs.slots._WAIT_SECONDS", 0.02)
    told: list[str] = []
    code = (
        "import sys; from pathlib import Path; from medxfer.paths import Workspace\n"
        "from medxfer.runs.slots import hold\n"
        "with hold(Workspace(Path(sys.argv[1])), 'cpu'):\n"
        " print('held', flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", code, str(workspace.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"

        def tell(text: str) -> None:
            told.append(text)
            other.stdin.close()  # type: ignore[union-attr]

        with slot(workspace, Device.AUTO, tell) as taken:
            assert other.wait() == 0
            assert not taken.is_free(workspace)
            with pytest.raises(RunError, match="in use"), hold(workspace, CPU):
                pass
    assert len(told) == 1
    assert taken.is_free(workspace)


def test_an_error_in_the_foreground_run_is_not_taken_for_a_busy_device(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(RunError, match="mine"), slot(workspace, Device.AUTO, print):
        raise RunError("mine")


@pytest.mark.parametrize("device", list(Device))
def test_a_gpu_slot_is_seen_alone_within_the_block(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, device: Device
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    with slot(workspace, device, print) as taken:
        seen = os.environ["CUDA_VISIBLE_DEVICES"]
    assert (taken.name, seen) == ((CPU, "4,5") if device is Device.CPU else ("gpu-4", "4"))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5"
