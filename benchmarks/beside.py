"""The app served beside a run: what the measurements of many people and of a soak share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.served import APP, served
from medxfer import lock
from medxfer.config import Device, StrategyConfig, TrainConfig
from medxfer.data.library import DEMO, ensure_demo
from medxfer.events import Progress, Started
from medxfer.executors.local import start
from medxfer.paths import HOME_VARIABLE, Workspace
from medxfer.runs.store import list_runs, load_run, request_stop

PAGES = ("", "browse", "add", "audit", "new", "runs", "run", "result", "compare", "scan")
PATIENCE = 600
"""Seconds that anything waited for may take."""


@contextmanager
def serving(workspace: Workspace) -> Iterator[tuple[str, psutil.Process]]:
    """The served app, its address and its process."""
    with served(APP, {HOME_VARIABLE: str(workspace.root)}) as address:
        port = int(address.rpartition(":")[2])
        yield (
            address,
            next(
                child
                for child in psutil.Process().children(recursive=True)
                if any(c.laddr and c.laddr.port == port for c in child.net_connections("inet"))
            ),
        )


@contextmanager
def training(workspace: Workspace) -> Iterator[tuple[str, psutil.Process]]:
    """A run that is training while the block runs, and its process."""
    run = start(workspace, on_the_demo(500))
    try:
        until(lambda: any(isinstance(event, Progress) for event in load_run(workspace, run).events))
        events = load_run(workspace, run).events
        pid = next(event.pid for event in reversed(events) if isinstance(event, Started))
        yield run, psutil.Process(pid)
        if load_run(workspace, run).summary.state.ended:
            raise RuntimeError("the run ended before the measurement did")
    finally:
        request_stop(workspace, run)
        until(lambda: load_run(workspace, run).summary.state.ended)
        until(lambda: not lock.is_held(workspace.run(run).lock))


def prepared(folder: Path) -> Workspace:
    """A workspace with the demo data set and a finished run."""
    workspace = Workspace.find(folder)
    ensure_demo(workspace)
    if not any(line.has_model for line in list_runs(workspace)):
        run = start(workspace, on_the_demo(1, "all"))
        until(lambda: load_run(workspace, run).summary.state.ended)
        if not load_run(workspace, run).summary.has_model:
            raise RuntimeError(load_run(workspace, run).summary.problem)
    return workspace


def on_the_demo(epochs: int, strategy: str = "none") -> TrainConfig:
    """Settings of a run on the demo data set, on the CPU; `none` of the network is frozen."""
    return TrainConfig(
        data=DEMO, weights="none", strategy=StrategyConfig(name=strategy), epochs=epochs,
        early_stopping=None, batch_size=16, device=Device.CPU,
    )  # fmt: skip


def until(done: Callable[[], bool]) -> None:
    """Wait; TimeoutError after ten minutes."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.5)


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)
