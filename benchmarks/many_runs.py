"""Runs that never ran, for lists: whole folders with settings and events, no weights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from medxfer.config import TrainConfig
from medxfer.events import EpochFinished, Event, Finished, Fitted, PhasePlan, Progress, Started
from medxfer.paths import Workspace
from medxfer.runs.store import create_run


def make_runs(workspace: Workspace, count: int, epochs: int) -> None:
    """Write so many finished runs; an epoch has two lines of progress, as if it took a second."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    lines = "".join(event.model_dump_json() + "\n" for event in _events(begin, epochs))
    for number in range(count):
        run, _ = create_run(
            workspace, TrainConfig(data="many", weights="none", epochs=epochs, seed=number)
        )
        workspace.run(run).events.write_text(lines)


def _events(begin: datetime, epochs: int) -> list[Event]:
    figures = {"loss": 0.612345, "auroc": 0.876543, "accuracy": 0.798765, "f1": 0.71,
               "balanced_accuracy": 0.75}  # fmt: skip
    phase = PhasePlan(
        name="partial", stages=("layer4", "head"), learning_rate=1e-4, epochs=epochs,
        learning_parameters=8656386,
    )  # fmt: skip
    started = Started(
        time=begin, pid=1, device="cpu", precision="bfloat16", threads=2, versions={},
        manifest_hash="0" * 64, split_hash="0" * 64, classes=("a", "b"),
        images={"train": 60, "val": 48, "test": 40}, parameters=11439170, phases=(phase,),
        weights="none (random)",
    )  # fmt: skip
    learned: list[Event] = []
    for number in range(1, epochs + 1):
        now = begin + timedelta(seconds=number)
        learned += [
            Progress(
                time=now, epoch=number, step=step, batch=1, batches=12, loss=0.61,
                images_per_second=812.5, memory=1_500_000_000, seconds_left=100.0,
            )
            for step in ("train", "val")
        ]  # fmt: skip
        learned.append(EpochFinished(
            time=now, epoch=number, phase=0, learning_rate=1e-4, train=figures,
            validation=figures, seconds=1.0, best=number == 1,
        ))  # fmt: skip
    end = begin + timedelta(seconds=epochs)
    fitted = Fitted(time=end, reason="completed", best_epoch=1, validation=figures)
    return [started, *learned, fitted, Finished(time=end, seconds=float(epochs))]
