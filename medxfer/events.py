"""Events: one thing that happened in a run, one JSON line, appended.

`fit` yields them, a run appends them to its file, the command line prints them, and a screen
draws their sum. Nobody parses a log. A metric that is not defined is `None`, never 0.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Metrics = dict[str, float | None]
"""Figures by name: loss, accuracy, balanced_accuracy, auroc, f1."""

Tell = Callable[[str, int, int], None]
"""What long work outside of a run is watched by: is told the step in words, and how much of how
much is done. It may raise to end the work."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """UTC, for display; order is the order in the file."""


class PhasePlan(BaseModel):
    """One phase as planned: which stages learn, how many parameters that is, for how long."""

    model_config = ConfigDict(frozen=True)

    name: str
    stages: tuple[str, ...]
    learning_rate: float
    epochs: int
    learning_parameters: int


class Started(_Event):
    """The run has its data, weights and device, and begins."""

    kind: Literal["started"] = "started"
    pid: int
    device: str
    precision: str
    threads: int
    versions: dict[str, str]
    manifest_hash: str
    split_hash: str
    classes: tuple[str, ...]
    images: dict[str, int]
    """Images by split."""
    parameters: int
    phases: tuple[PhasePlan, ...]
    weights: str
    """What the weights were, in words, with their hash."""
    patients_known: bool | None = None
    """Whether patient ids stood for people; like what follows, None where it was not recorded."""
    patients_shared: bool | None = None
    """Whether patients were on both sides of the split; None too if they were not known."""
    copies_shared: bool | None = None
    """Whether copies of a picture were; None too if no audit had looked."""
    audit: str | None = None
    """The verdict of the audit in a word; "" if there was none of the data set as it was."""


class Resumed(_Event):
    """A process takes the run up again; comes after its `Started`.

    What was told of epochs after `epoch` is told again: a reader drops what it heard of them.
    """

    kind: Literal["resumed"] = "resumed"
    epoch: int
    """The last epoch that is not repeated; 0: the run begins anew."""


class PhaseStarted(_Event):
    kind: Literal["phase_started"] = "phase_started"
    phase: int
    """Index into the plan, from 0."""
    epoch: int
    """The first epoch of the phase, from 1."""


class Preparing(_Event):
    """Work done once before epochs can begin; at most about two a second.

    `weights`: pretrained weights are fetched; `pixels`: images are decoded to the working size;
    `features`: images pass the frozen stages.
    """

    kind: Literal["preparing"] = "preparing"
    step: Literal["weights", "pixels", "features"]
    done: int
    """Bytes of weights, or images, each view counted."""
    total: int
    seconds_left: float | None
    """Until this work is done."""


class Progress(_Event):
    """Within an epoch; at most about two a second."""

    kind: Literal["progress"] = "progress"
    epoch: int
    step: Literal["train", "val"] = "train"
    batch: int
    batches: int
    loss: float | None
    """Of the latest training batch; None while validating."""
    images_per_second: float
    memory: int
    """Bytes: of the device on a GPU, else resident in the process."""
    seconds_left: float | None
    """Until the last planned epoch ends, as far as the epochs so far tell."""


class EpochFinished(_Event):
    kind: Literal["epoch_finished"] = "epoch_finished"
    epoch: int
    """From 1, counted over all phases."""
    phase: int
    learning_rate: float
    """The rate at the first step of this epoch."""
    train: Metrics
    """Measured while learning, on augmented pictures, dropout on."""
    validation: Metrics
    seconds: float
    best: bool
    """Whether this is the best epoch so far, by the monitored figure."""


class Note(_Event):
    """Something the person should know; `level` is info or warning."""

    kind: Literal["note"] = "note"
    level: Literal["info", "warning"] = "info"
    text: str


class Fitted(_Event):
    """Learning is over; the network holds the weights of the best epoch.

    `reason`: all planned epochs done, no better figure for long enough, or the person said stop.
    """

    kind: Literal["fitted"] = "fitted"
    reason: Literal["completed", "early_stopping", "stop_requested"]
    best_epoch: int | None
    validation: Metrics
    """Of the best epoch."""


class PredictionsSaved(_Event):
    kind: Literal["predictions_saved"] = "predictions_saved"
    split: str
    images: int


class Finished(_Event):
    """The run ended as planned, or early because it stopped improving."""

    kind: Literal["finished"] = "finished"
    seconds: float


class Stopped(_Event):
    """The person stopped the run; what it had learned is kept."""

    kind: Literal["stopped"] = "stopped"
    seconds: float


class Paused(_Event):
    """The run stands still for a reason from outside, and goes on where it was when told to.

    `system`: something asked the process to end; `disk`: no space or no permission; `data`: files
    of the data set or weights are gone or changed; `device`: the GPU was lost.
    """

    kind: Literal["paused"] = "paused"
    reason: Literal["system", "disk", "data", "device"]
    problem: str
    remedy: str = ""


class Died(_Event):
    """The process ended without a word; told by the supervisor, who saw how."""

    kind: Literal["died"] = "died"
    problem: str
    remedy: str = ""
    code: int | None = None
    """What the process left: negative is the signal that killed it; None: nobody saw."""


class Cancelled(_Event):
    """Taken out of the queue before it began, or before it went on."""

    kind: Literal["cancelled"] = "cancelled"


class Failed(_Event):
    """The run could not go on, and would fail in the same way again."""

    kind: Literal["failed"] = "failed"
    problem: str
    remedy: str = ""
    error_id: str = ""
    """Set for a bug: finds the traceback in the run's log."""


Event = Annotated[
    Started
    | Resumed
    | PhaseStarted
    | Preparing
    | Progress
    | EpochFinished
    | Note
    | Fitted
    | PredictionsSaved
    | Finished
    | Stopped
    | Paused
    | Died
    | Cancelled
    | Failed,
    Field(discriminator="kind"),
]

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def parse(line: str | bytes) -> Event:
    """The event of one JSON line; pydantic.ValidationError if it is none."""
    return _EVENT.validate_json(line)
