"""The supervisor: what becomes of runs whose processes end in every way, and of itself."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import acting
import pytest

from medxfer import lock
from medxfer.config import Device, TrainConfig
from medxfer.errors import RunError
from medxfer.events import Died, Failed
from medxfer.executors import child as children
from medxfer.executors import presence, supervisor
from medxfer.executors.child import Child
from medxfer.executors.death import STUCK_MINUTES, Memory, death
from medxfer.executors.supervisor import Supervisor, supervise
from medxfer.paths import Workspace
from medxfer.runs import journal, queue
from medxfer.runs.slots import CPU, Slot, hold
from medxfer.runs.store import create_run, load_run
from medxfer.runs.summary import RunState

HERE = (Slot(CPU, tuple(Device)),)
BUSY = RunError("busy")
CLEAR = Memory(killed=3, free=0.8)

Look = Callable[[], None]


@pytest.fixture
def boss(workspace: Workspace) -> Iterator[Supervisor]:
    """A supervisor of this process, whose rounds the test drives; no child outlives the test."""
    made = Supervisor(workspace, HERE, acting.command)
    yield made
    for each in made._children.values():
        each.kill()
        while not each.is_over():
            time.sleep(0.01)


def submit(workspace: Workspace, acts: str) -> str:
    config = TrainConfig(data="d", weights="none", note=acts)
    return create_run(workspace, config, queued=True)[0]


def until(what: Callable[[], object], *looks: Supervisor, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        for each in looks:
            each.round()
        time.sleep(0.02)


def state(workspace: Workspace, run: str) -> RunState:
    return load_run(workspace, run).summary.state


def died(workspace: Workspace, run: str) -> list[Died]:
    return [event for event in load_run(workspace, run).events if isinstance(event, Died)]


def ran(workspace: Workspace) -> list[str]:
    path = workspace.root / "ran"
    return path.read_text().split() if path.exists() else []


def test_runs_are_carried_out_one_after_another_in_order(
    workspace: Workspace, boss: Supervisor
) -> None:
    runs = [submit(workspace, "start finish") for _ in range(3)]
    queue.move(workspace, runs[2], queue.Move.FIRST)
    until(lambda: not queue.jobs(workspace), boss)
    assert ran(workspace) == [runs[2], runs[0], runs[1]]
    assert {state(workspace, run) for run in runs} == {RunState.FINISHED}
    assert boss.running == []


def test_a_job_that_kills_its_worker_twice_needs_attention_and_the_queue_goes_on(
    workspace: Workspace, boss: Supervisor
) -> None:
    bad, good = submit(workspace, "start kill"), submit(workspace, "start finish")
    until(lambda: not queue.jobs(workspace), boss)
    assert state(workspace, good) is RunState.FINISHED
    assert ran(workspace) == [bad, bad, good]
    assert state(workspace, bad) is RunState.LOST
    first, second = died(workspace, bad)
    assert (first.code, second.code) == (-9, -9)
    assert "second time in a row" not in first.remedy
    assert "second time in a row" in second.remedy
    assert queue.jobs(workspace) == []
    assert not workspace.run(bad).queued.exists()


@pytest.mark.parametrize("acts", ["kill", "crash", "exit"])
def test_a_process_that_dies_before_its_first_event_counts_too(
    workspace: Workspace, boss: Supervisor, acts: str
) -> None:
    run = submit(workspace, acts)
    until(lambda: not queue.jobs(workspace), boss)
    assert ran(workspace) == [run, run]
    assert state(workspace, run) is RunState.LOST
    assert [event.code for event in died(workspace, run)] == [
        {"kill": -9, "crash": -6, "exit": 3}[acts]
    ] * 2


def test_a_run_that_died_once_goes_on_by_itself(workspace: Workspace, boss: Supervisor) -> None:
    run = submit(workspace, "start once finish")
    until(lambda: died(workspace, run), boss)
    assert state(workspace, run) in (RunState.WAITING, RunState.RUNNING)
    until(lambda: state(workspace, run) is RunState.FINISHED, boss)
    assert len(died(workspace, run)) == 1


def test_a_run_that_paused_is_left_alone(workspace: Workspace, boss: Supervisor) -> None:
    run = submit(workspace, "start pause exit")
    until(lambda: not queue.jobs(workspace), boss)
    assert state(workspace, run) is RunState.PAUSED
    assert ran(workspace) == [run]
    assert not died(workspace, run)


def test_what_a_dead_worker_left_running_ends_with_it(
    workspace: Workspace, boss: Supervisor
) -> None:
    submit(workspace, "start orphan kill")
    until(lambda: len(ran(workspace)) == 2 and not boss.running, boss)
    pid = int((workspace.root / "orphan").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")


def test_a_damaged_run_is_marked_and_left_out(workspace: Workspace, boss: Supervisor) -> None:
    bad, good = submit(workspace, "start finish"), submit(workspace, "start finish")
    workspace.run(bad).config.write_text("{")
    gone = submit(workspace, "start finish")
    workspace.run(gone).root.rename(workspace.staging / "elsewhere")
    until(lambda: not queue.jobs(workspace), boss)
    assert ran(workspace) == [good]
    (told,), _ = journal.read(workspace.run(bad).events)
    assert isinstance(told, Failed)
    assert "damaged" in told.problem
    assert not workspace.run(gone).root.exists()


def test_a_device_in_use_is_waited_for(workspace: Workspace, boss: Supervisor) -> None:
    run = submit(workspace, "start finish")
    with hold(workspace, CPU):
        for _ in range(3):
            boss.round()
        assert boss.running == []
        assert queue.waiting(workspace) == [run]
    until(lambda: state(workspace, run) is RunState.FINISHED, boss)


def test_a_process_that_finds_its_run_taken_ends_and_nothing_is_counted(
    workspace: Workspace, boss: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(workspace, "start finish")
    with lock.held(workspace.run(run).lock, BUSY):
        until(lambda: boss.running, boss)
        until(lambda: not boss.running, boss)
        (job,) = queue.jobs(workspace)
        assert (job.attempts, job.slot) == (0, None)
        assert ran(workspace) == []
    monkeypatch.setattr(boss, "_later", {})
    until(lambda: state(workspace, run) is RunState.FINISHED, boss)


def test_a_process_that_the_system_refuses_is_tried_again(
    workspace: Workspace, boss: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(workspace, "start finish")

    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as short:
        short.setattr(children.subprocess, "Popen", refuse)
        boss.round()
        (job,) = queue.jobs(workspace)
        assert (job.attempts, job.slot) == (0, None)
    monkeypatch.setattr(boss, "_later", {})
    until(lambda: not queue.jobs(workspace), boss)
    assert state(workspace, run) is RunState.FINISHED


def test_a_stuck_run_is_ended_and_says_so(
    workspace: Workspace, boss: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(workspace, "start hang")
    until(lambda: load_run(workspace, run).events, boss)
    boss.round()
    late = time.monotonic() + STUCK_MINUTES * 60 + 1
    with monkeypatch.context() as later:
        later.setattr(children.time, "monotonic", lambda: late)
        boss.round()
    until(lambda: died(workspace, run), boss)
    assert "stuck" in died(workspace, run)[0].problem
    assert "15 minutes" in died(workspace, run)[0].problem
    assert state(workspace, run) in (RunState.WAITING, RunState.RUNNING)


def test_progress_is_what_a_run_tells(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(workspace, "")
    job = queue.claim(workspace, CPU, tuple(Device))
    assert job is not None
    watched = Child(job, workspace.run(run), None)
    now = 1000.0
    monkeypatch.setattr(children.time, "monotonic", lambda: now)
    assert watched.silence() == 0
    now += 100
    assert watched.silence() == 100
    journal.append(workspace.run(run).events, acting.progress())
    assert watched.silence() == 0
    monkeypatch.setattr(watched, "_work", lambda: now)
    now += 100
    assert watched.silence() == 100  # work alone is no progress while training
    with workspace.run(run).events.open("ab") as file:
        file.write(b'{"kind":"fitted"}\n')
    now += 100
    assert watched.silence() == 0
    now += 100
    assert watched.silence() == 0  # it is while the best epoch is evaluated


@pytest.mark.parametrize(
    ("code", "now", "said"),
    [
        (-9, Memory(killed=4, free=0.8), "stopped by the system: memory ran out"),
        (-9, Memory(killed=3, free=0.02), "memory was nearly full"),
        (-9, CLEAR, "killed from outside (signal 9), though memory was not short (80 % free)"),
        (-11, CLEAR, "crashed (signal 11, SIGSEGV)"),
        (-15, CLEAR, "asked to end"),
        (3, CLEAR, "exit code 3"),
        (None, CLEAR, "nobody saw how it ended"),
    ],
)
def test_each_death_has_its_sentence(code: int | None, now: Memory, said: str) -> None:
    assert said in death(code, CLEAR, now).problem


def start_supervisor(workspace: Workspace) -> subprocess.Popen[bytes]:
    """One in a process of its own, with stand-ins for the runs' processes."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import acting\n"
        "from pathlib import Path\n"
        "from medxfer.config import Device; from medxfer.executors import supervisor\n"
        "from medxfer.paths import Workspace; from medxfer.runs.slots import Slot\n"
        "supervisor._ROUND_SECONDS, supervisor._START_SECONDS = 0.02, 1.0\n"
        "print(supervisor.supervise(\n"
        "    Workspace(Path(sys.argv[1])), supervisor.stop_flag(), command=acting.command,\n"
        "    slots=[Slot('cpu', tuple(Device))]))\n"
    )
    folder = str(Path(acting.__file__).parent)
    command = [sys.executable, "-c", code, str(workspace.root), folder]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_runs_go_on_without_their_supervisor_and_the_next_one_takes_them_over(
    workspace: Workspace, boss: Supervisor
) -> None:
    under_way, waits = submit(workspace, "start wait finish"), submit(workspace, "start finish")
    with start_supervisor(workspace) as first:
        until(lambda: state(workspace, under_way) is RunState.RUNNING)
        first.kill()
    assert state(workspace, under_way) is RunState.RUNNING
    boss.round()
    assert boss.running == [under_way]
    (workspace.root / "go").touch()
    until(lambda: state(workspace, waits) is RunState.FINISHED, boss)
    assert ran(workspace) == [under_way, waits]
    assert state(workspace, under_way) is RunState.FINISHED


def test_a_run_that_died_with_its_supervisor_is_told_and_taken_up_again(
    workspace: Workspace, boss: Supervisor
) -> None:
    run = submit(workspace, "start once finish")
    job = queue.claim(workspace, CPU, tuple(Device))
    assert job is not None
    command = acting.command(workspace, run, CPU)
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert state(workspace, run) is RunState.LOST
    until(lambda: state(workspace, run) is RunState.FINISHED, boss)
    (told,) = died(workspace, run)
    assert told.code is None
    assert "nobody saw" in told.problem


def test_a_claim_without_a_process_is_released_and_not_counted(
    workspace: Workspace, boss: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_START_SECONDS", 0.2)
    run = submit(workspace, "start kill")
    assert queue.claim(workspace, CPU, tuple(Device))
    boss.round()
    assert queue.waiting(workspace) == []
    until(lambda: not queue.jobs(workspace), boss)
    assert ran(workspace) == [run, run]


@pytest.mark.slow
def test_a_supervisor_killed_again_and_again_runs_nothing_twice_and_loses_nothing(
    workspace: Workspace,
) -> None:
    runs = [submit(workspace, "0.05 start 0.1 finish") for _ in range(8)]
    moments = random.Random(0)  # noqa: S311
    end = time.monotonic() + 60
    while queue.jobs(workspace):
        assert time.monotonic() < end
        with start_supervisor(workspace) as process:
            until(lambda: presence.is_alive(workspace))
            time.sleep(moments.uniform(0, 0.8))
            process.kill()
    counted = Counter(ran(workspace))
    assert sorted(counted) == runs
    assert set(counted.values()) == {1}
    assert not (workspace.root / "twice").exists()
    assert {state(workspace, run) for run in runs} == {RunState.FINISHED}


def test_there_is_one_supervisor_and_it_says_who_it_is(workspace: Workspace) -> None:
    assert not presence.health(workspace).alive
    run = submit(workspace, "start wait finish")
    other = submit(workspace, "start finish")
    with start_supervisor(workspace) as process:
        until(lambda: state(workspace, run) is RunState.RUNNING)
        found = presence.health(workspace)
        assert (found.alive, found.answering, found.pid) == (True, True, process.pid)
        assert (found.running, found.waiting) == (1, 1)
        assert found.since is not None
        with pytest.raises(RunError, match=f"process {process.pid} on .*, since 20"):
            supervise(workspace, threading.Event(), slots=HERE)
        process.terminate()
        left, _ = process.communicate()
    assert left.decode().strip() == f"['{run}']"  # it leaves the run alone
    assert state(workspace, run) is RunState.RUNNING
    (workspace.root / "go").touch()
    until(lambda: state(workspace, run) is RunState.FINISHED)
    assert state(workspace, other) is RunState.WAITING
    assert not presence.health(workspace).alive


def test_without_work_it_ends_by_itself_and_not_before(workspace: Workspace) -> None:
    run = submit(workspace, "0.3 start finish")
    supervise(workspace, threading.Event(), idle_seconds=0.1, slots=HERE, command=acting.command)
    assert state(workspace, run) is RunState.FINISHED


def test_one_that_does_not_answer_is_seen(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock.held(workspace.supervisor, BUSY):
        assert (presence.health(workspace).alive, presence.health(workspace).answering) == (
            True,
            False,
        )
        presence.tell(workspace, presence.datetime.now(presence.UTC))
        assert presence.health(workspace).answering
        late = time.monotonic() + 61
        monkeypatch.setattr(presence.time, "monotonic", lambda: late)
        assert not presence.health(workspace).answering


def test_an_unusable_index_is_waited_out(workspace: Workspace) -> None:
    run = submit(workspace, "start finish")
    kept = workspace.index.read_bytes()
    workspace.index.write_bytes(b"not a database" * 100)
    stop = threading.Event()
    thread = threading.Thread(
        target=supervise, args=(workspace, stop), kwargs={"slots": HERE, "command": acting.command}
    )
    before, supervisor._PATIENCE_SECONDS = supervisor._PATIENCE_SECONDS, 0.1
    try:
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
        workspace.index.write_bytes(kept)
        until(lambda: not queue.jobs(workspace))
        assert state(workspace, run) is RunState.FINISHED
    finally:
        supervisor._PATIENCE_SECONDS = before
        stop.set()
        thread.join()


def test_the_lock_names_its_holder(workspace: Workspace) -> None:
    path = workspace.root / "some.lock"
    assert lock.holder(path) is None
    with lock.held(path, BUSY):
        assert lock.holder(path) == os.getpid()
        code = "import sys; from pathlib import Path; from medxfer import lock\n"
        code += "print(lock.holder(Path(sys.argv[1])))"
        command = [sys.executable, "-c", code, str(path)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert int(told) == os.getpid()
    assert lock.holder(path) is None


def test_a_supervisor_is_light() -> None:
    code = (
        "import sys, medxfer.executors.supervisor, medxfer.executors.presence\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'streamlit', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
