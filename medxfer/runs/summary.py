"""The state of a run: the sum of its events, and whether the process behind it is alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from medxfer.config import TrainConfig
from medxfer.events import (
    Cancelled,
    Died,
    EpochFinished,
    Event,
    Failed,
    Finished,
    Fitted,
    Metrics,
    Paused,
    PhaseStarted,
    PredictionsSaved,
    Progress,
    Resumed,
    Started,
    Stopped,
)

_STARTING_SECONDS = 60
"""How long a new run that is not queued may take until its process holds the lock."""


class RunState(StrEnum):
    """Where a run stands.

    `WAITING` has a place in the queue, or a process that is just starting; `PAUSED` stands still
    for a reason that can be mended; `LOST` is a process that died without a word.
    """

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return self not in (RunState.WAITING, RunState.RUNNING)

    @property
    def can_go_on(self) -> bool:
        """Whether "Continue" is the way on: it goes on from its last saved epoch."""
        return self in (RunState.PAUSED, RunState.CANCELLED, RunState.LOST)


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
    """Why it failed or stands still, if it does."""

    @property
    def has_model(self) -> bool:
        """Whether it has ended and left weights to use: also a failed run keeps its best epoch."""
        whole = self.state in (RunState.FINISHED, RunState.STOPPED)
        return self.state.ended and (whole or self.best_epoch is not None)


def state_of(events: Sequence[Event], *, alive: bool, queued: bool, created: datetime) -> RunState:
    """The state.

    `alive`: a process holds the run's lock; `queued`: it is to be executed, and no process has
    told its first event since.
    """
    if queued:
        return RunState.RUNNING if alive else RunState.WAITING
    if (state := last_word(events)) is not None:
        return state
    if alive:
        return RunState.RUNNING
    age = (datetime.now(UTC) - created).total_seconds()
    return RunState.WAITING if not events and age < _STARTING_SECONDS else RunState.LOST


def last_word(events: Sequence[Event]) -> RunState | None:
    """The state that the events end with; None while they go on, or were cut off."""
    for event in reversed(events):
        match event:
            case Finished():
                return RunState.FINISHED
            case Stopped():
                return RunState.STOPPED
            case Paused():
                return RunState.PAUSED
            case Died():
                return RunState.LOST
            case Cancelled():
                return RunState.CANCELLED
            case Failed():
                return RunState.FAILED
            case Started() | Resumed():
                return None
            case _:
                pass
    return None


def summarise(
    run: str,
    config: TrainConfig,
    created: datetime,
    events: Sequence[Event],
    *,
    alive: bool,
    queued: bool,
    kept: int | None,
) -> RunSummary:
    """The line about a run, from its settings, its events and the epoch whose weights are `kept`.

    Weights are not written after every epoch. Of a run that was cut off, the best epoch is the one
    that can be used; later and better ones are lost.
    """
    told = not_repeated(events)
    state = state_of(events, alive=alive, queued=queued, created=created)
    epochs = [event for event in told if isinstance(event, EpochFinished)]
    fitted = next((event for event in reversed(told) if isinstance(event, Fitted)), None)
    cut_off = fitted is None and state.ended
    bests = [event for event in reversed(epochs) if event.best]
    best = next((event for event in bests if not cut_off or event.epoch == kept), None)
    return RunSummary(
        run=run,
        data=config.data,
        depth=int(config.depth),
        strategy=config.strategy.name,
        weights=config.weights,
        note=config.note,
        created=created,
        state=state,
        epochs=len(epochs),
        planned_epochs=config.epochs,
        best_epoch=best.epoch if best else None,
        validation=fitted.validation if fitted else best.validation if best else {},
        seconds=_seconds(events),
        problem=_problem(events) if state.ended else "",
    )


def not_repeated(events: Sequence[Event]) -> list[Event]:
    """The events without those of epochs that were told again after the run was taken up."""
    told: list[Event] = []
    for event in events:
        if isinstance(event, Resumed):
            told = [old for old in told if not _is_after(old, event.epoch)]
        told.append(event)
    return told


def _is_after(event: Event, epoch: int) -> bool:
    match event:
        case EpochFinished() | Progress():
            return event.epoch > epoch
        case PhaseStarted():
            return event.epoch > epoch + 1
        case Fitted() | PredictionsSaved() | Finished() | Stopped():
            return True
        case _:
            return False


def _problem(events: Sequence[Event]) -> str:
    """Why the run ended as it did, if that was not as planned."""
    last = events[-1] if events else None
    return last.problem if isinstance(last, Failed | Paused | Died) else ""


def _seconds(events: Sequence[Event]) -> float | None:
    """Time spent on the run, pauses left out; None if no process has begun with it."""
    spans = _spans(events)
    return sum(map(_span, spans)) if spans else None


def last_span(events: Sequence[Event]) -> float:
    """Seconds that the latest process spent on the run; 0 if none has begun with it."""
    spans = _spans(events)
    return _span(spans[-1]) if spans else 0.0


def _spans(events: Sequence[Event]) -> list[Sequence[Event]]:
    """The events of each process that worked on the run."""
    begun = [number for number, event in enumerate(events) if isinstance(event, Started)]
    return [events[first:end] for first, end in pairwise([*begun, len(events)])]


def _span(events: Sequence[Event]) -> float:
    """From a `Started` to the last word of its process."""
    last = events[-1]
    if isinstance(last, Finished | Stopped):
        return last.seconds
    own = [event for event in events if not isinstance(event, Died | Cancelled)]
    return (own[-1].time - events[0].time).total_seconds()
