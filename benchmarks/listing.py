"""How long a thousand runs of two hundred epochs take to list: `python -m benchmarks.listing`.

Three times each: with the index, with the index deleted before, and as the page of all runs draws
it. Wall seconds and seconds of this process on the CPU.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from medxfer.config import TrainConfig
from medxfer.events import (
    EpochFinished,
    Event,
    Finished,
    Fitted,
    Paused,
    PhasePlan,
    PhaseStarted,
    Progress,
    Started,
)
from medxfer.paths import Workspace
from medxfer.runs.queue import waiting
from medxfer.runs.store import create_run, list_runs

RUNS, EPOCHS = 1000, 200
TIMES = 3
STANDING = 10
"""Every so many runs one is paused instead of finished."""


def events(epochs: int, *, paused: bool) -> list[Event]:
    """What a run of so many epochs tells, with two steps told in each."""
    phase = PhasePlan(
        name="all", stages=("head",), learning_rate=1e-3, epochs=epochs, learning_parameters=1
    )
    told: list[Event] = [
        Started(
            pid=1, device="CPU", precision="float32", threads=1, versions={"torch": "2.15.0"},
            manifest_hash="0" * 64, split_hash="1" * 64, classes=("A", "B"),
            images={"train": 40, "val": 12, "test": 12}, parameters=11_177_538, phases=(phase,),
            weights="none",
        ),
        PhaseStarted(phase=0, epoch=1),
    ]  # fmt: skip
    figures = {"loss": 0.5, "accuracy": 0.8, "balanced_accuracy": 0.8, "auroc": 0.87, "f1": 0.8}
    for number in range(1, epochs + 1):
        step = Progress(
            epoch=number, batch=3, batches=10, loss=0.6, images_per_second=21.5, memory=9 * 10**8,
            seconds_left=75.0,
        )  # fmt: skip
        done = EpochFinished(
            epoch=number, phase=0, learning_rate=1e-3, train=figures, validation=figures,
            seconds=3.0, best=number % 7 == 1,
        )  # fmt: skip
        told += [step, step, done]
    if paused:
        return [*told, Paused(reason="disk", problem="The disk is full.", remedy="Free some.")]
    fitted = Fitted(reason="completed", best_epoch=1, validation=figures)
    return [*told, fitted, Finished(seconds=epochs * 3.0)]


def fill(place: Workspace, runs: int, epochs: int) -> None:
    """A workspace with so many runs, one in ten of them paused."""
    texts = [
        "".join(event.model_dump_json() + "\n" for event in events(epochs, paused=paused))
        for paused in (False, True)
    ]
    config = TrainConfig(data="chests", weights="none", epochs=epochs)
    for number in range(runs):
        run, _ = create_run(place, config)
        place.run(run).events.write_text(texts[number % STANDING == 0])


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def as_page(place: Workspace) -> None:
    """What the page of all runs asks for and makes of it, drawing aside."""
    from medxfer.ui.runs.list import runs_table

    runs_table(list_runs(place), waiting(place))


def main(runs: int = RUNS, epochs: int = EPOCHS) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        place = Workspace.find(folder)
        fill(place, runs, epochs)
        as_page(place)  # imports
        say = sys.stdout.write
        say(f"{runs} runs of {epochs} epochs; load {os.getloadavg()[0]:.1f}\n")
        say("| what | wall s (each of three) | CPU s |\n|---|---|---|\n")
        for what, work, fresh in (
            ("listed", lambda: list_runs(place), False),
            ("page of all runs", lambda: as_page(place), False),
            ("listed, index deleted before", lambda: list_runs(place), True),
        ):
            taken = []
            for _ in range(TIMES):
                if fresh:
                    place.index.unlink()
                taken.append(measured(work))
            walls, cpus = (", ".join(f"{pair[n]:.2f}" for pair in taken) for n in (0, 1))
            say(f"| {what} | {walls} | {cpus} |\n")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
