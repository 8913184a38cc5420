"""The state of a run: the sum of its events, and whether the process behind it is alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from medxfer.config import TrainConfig
from medxfer.events import (
    EpochFinished,
    Event,
    Failed,
    Finished,
    Fitted,
    Metrics,
    Started,
    Stopped,
)

_STARTING_SECONDS = 60
"""How long a new run may take until its process holds the lock."""


class RunState(StrEnum):
    """Where a run stands; `LOST` is a process that died without a word."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return self not in (RunState.WAITING, RunState.RUNNING)


@dataclass(frozen=True)
class RunSummary:
    """One line about a run, for lists."""

    run: str
    data: str
    depth: int
    strategy: str
    weights: str
    note: str
    created: datetime
    state: RunState
    epochs: int
    """Epochs done."""
    planned_epochs: int
    best_epoch: int | None
    validation: Metrics
    """Of the best epoch so far."""
    seconds: float | None
    """From start to end, or to the latest event."""
    problem: str
    """Why it failed, if it did."""

    @property
    def has_model(self) -> bool:
        """Whether it has ended and left weights to use: also a failed run keeps its best epoch."""
        whole = self.state in (RunState.FINISHED, RunState.STOPPED)
        return self.state.ended and (whole or self.best_epoch is not None)


def state_of(events: Sequence[Event], *, alive: bool, created: datetime) -> RunState:
    """The state; `alive` says whether a process holds the run's lock."""
    for event in reversed(events):
        match event:
            case Finished():
                return RunState.FINISHED
            case Stopped():
                return RunState.STOPPED
            case Failed():
                return RunState.FAILED
            case _:
                pass
    if alive:
        return RunState.RUNNING
    age = (datetime.now(UTC) - created).total_seconds()
    return RunState.WAITING if not events and age < _STARTING_SECONDS else RunState.LOST


def summarise(
    run: str,
    config: TrainConfig,
    created: datetime,
    events: Sequence[Event],
    *,
    alive: bool,
    kept: int | None,
) -> RunSummary:
    """The line about a run, from its settings, its events and the epoch whose weights are `kept`.

    Weights are not written after every epoch. Of a run that was cut off, the best epoch is the one
    that can be used; later and better ones are lost.
    """
    epochs = [event for event in events if isinstance(event, EpochFinished)]
    fitted = next((event for event in events if isinstance(event, Fitted)), None)
    cut_off = fitted is None and state_of(events, alive=alive, created=created).ended
    bests = [event for event in reversed(epochs) if event.best]
    best = next((event for event in bests if not cut_off or event.epoch == kept), None)
    failed = next((event for event in events if isinstance(event, Failed)), None)
    return RunSummary(
        run=run,
        data=config.data,
        depth=int(config.depth),
        strategy=config.strategy.name,
        weights=config.weights,
        note=config.note,
        created=created,
        state=state_of(events, alive=alive, created=created),
        epochs=len(epochs),
        planned_epochs=config.epochs,
        best_epoch=best.epoch if best else None,
        validation=fitted.validation if fitted else best.validation if best else {},
        seconds=_seconds(events),
        problem=failed.problem if failed else "",
    )


def _seconds(events: Sequence[Event]) -> float | None:
    started = next((event for event in events if isinstance(event, Started)), None)
    if started is None:
        return None
    last = events[-1]
    if isinstance(last, Finished | Stopped):
        return last.seconds
    return (last.time - started.time).total_seconds()
