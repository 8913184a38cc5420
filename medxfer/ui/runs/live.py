"""What a run is doing now: the sum of its events, read as they are appended.

Watching costs the new bytes of the event file and nothing else; torch is never imported.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from medxfer.events import (
    Cancelled,
    Died,
    EpochFinished,
    Event,
    Failed,
    Finished,
    Fitted,
    Note,
    Paused,
    PhasePlan,
    PhaseStarted,
    PredictionsSaved,
    Preparing,
    Progress,
    Resumed,
    Started,
    Stopped,
)
from medxfer.lock import is_held
from medxfer.paths import RunPaths
from medxfer.runs.journal import read
from medxfer.runs.summary import RunState, state_of

_BATCHES_SHOWN = 400


@dataclass
class Live:
    """The sum of the events so far."""

    latest: Event | None = None
    started: Started | None = None
    phases: list[PhaseStarted] = field(default_factory=list)
    epochs: list[EpochFinished] = field(default_factory=list)
    progress: Progress | None = None
    """Of the epoch under way; None between epochs."""
    speed: Progress | None = None
    """The latest progress, kept when its epoch has ended."""
    batches: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=_BATCHES_SHOWN)
    )
    """Training loss within the epochs, as (epochs done, loss); the latest few hundred."""
    notes: list[Note] = field(default_factory=list)
    fitted: Fitted | None = None
    predictions: list[PredictionsSaved] = field(default_factory=list)
    deaths: list[Died] = field(default_factory=list)
    """Of its processes that ended without a word."""
    ending: Finished | Stopped | Failed | Paused | Died | Cancelled | None = None

    def add(self, event: Event) -> None:  # noqa: C901  (one line a kind)
        """Take one more event into the sum."""
        self.latest = event
        match event:
            case Started():
                # A run taken up again begins its own account; what it had learned stays above.
                self.started, self.ending = event, None
            case Resumed():
                self._take_back(event.epoch)
            case PhaseStarted():
                self.phases.append(event)
            case Progress():
                self._add_progress(event)
            case EpochFinished():
                self.epochs.append(event)
                self.progress = None
            case Note():
                self.notes.append(event)
            case Fitted():
                self.fitted, self.progress = event, None
            case PredictionsSaved():
                self.predictions.append(event)
            case Preparing():
                pass  # stands in `latest` for as long as it matters
            case Finished() | Stopped() | Failed() | Paused() | Died() | Cancelled():
                self.ending, self.progress = event, None
                self.deaths += [event] if isinstance(event, Died) else []

    def _take_back(self, epoch: int) -> None:
        """What was told of epochs after this one is told again."""
        self.epochs = [told for told in self.epochs if told.epoch <= epoch]
        self.phases = [told for told in self.phases if told.epoch <= epoch + 1]
        kept = [point for point in self.batches if point[0] <= epoch]
        self.batches = deque(kept, maxlen=_BATCHES_SHOWN)
        self.progress, self.fitted, self.predictions = None, None, []

    def _add_progress(self, event: Progress) -> None:
        self.progress = self.speed = event
        if event.step == "train" and event.loss is not None:
            done = event.epoch - 1 + event.batch / max(event.batches, 1)
            self.batches.append((done, event.loss))

    @property
    def preparing(self) -> Preparing | None:
        """Work that is done once, while it is being done."""
        return self.latest if isinstance(self.latest, Preparing) else None

    @property
    def plan(self) -> tuple[PhasePlan, ...]:
        return self.started.phases if self.started else ()

    @property
    def phase(self) -> PhasePlan | None:
        """The phase under way, as planned."""
        number = self.phases[-1].phase if self.phases else len(self.plan)
        return self.plan[number] if number < len(self.plan) else None

    @property
    def planned_epochs(self) -> int:
        """Epochs the run will have at most, phases that ended early taken off."""
        if not self.phases:
            return sum(phase.epochs for phase in self.plan)
        last = self.phases[-1]
        return last.epoch - 1 + sum(phase.epochs for phase in self.plan[last.phase :])

    @property
    def fraction(self) -> float:
        """The part of all planned epochs that is done, 0 to 1."""
        if self.fitted or not self.planned_epochs:
            return 1.0 if self.fitted else 0.0
        done = float(len(self.epochs))
        if self.progress:
            within = self.progress.batch / max(self.progress.batches, 1)
            # The look at the validation pictures is the last tenth of an epoch, roughly.
            share = 0.9 * within if self.progress.step == "train" else 0.9 + 0.1 * within
            done = self.progress.epoch - 1 + share
        return min(done / self.planned_epochs, 1.0)

    @property
    def best(self) -> EpochFinished | None:
        """The best epoch so far, by the figure the run watches."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)


class EventTail:
    """An event file that is read on from where the last reading ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.live = Live()
        self._offset = 0

    def read(self) -> Live:
        """The sum of all events up to now; an event still being written is left for later."""
        events, self._offset = read(self.path, self._offset)
        for event in events:
            self.live.add(event)
        return self.live


def state_now(tail: EventTail, paths: RunPaths, created: datetime) -> RunState:
    """Where the run stands after reading what is new.

    Whether the process lives is asked first: asked last, a run that ends in between would look
    as if its process had died without a word.
    """
    queued, alive = paths.queued.exists(), is_held(paths.lock)
    live = tail.read()
    told = [event for event in (live.latest, live.ending) if event is not None]
    return state_of(told, alive=alive, queued=queued, created=created)
