"""A run that was begun before: whether it can go on as it was, and what need not be told again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medxfer.data.manifest import Manifest
from medxfer.errors import RunError
from medxfer.events import EpochFinished, Event, Note, PhaseStarted, Started
from medxfer.runs.endings import ChangedError
from medxfer.runs.store import Run, trained_on


def check_same_data(run: Run, manifest: Manifest) -> None:
    """Make sure that the data set is the one the run began with.

    Raises:
        ChangedError: images, labels, patients, classes or splits are others now.
    """
    try:
        trained_on(run, manifest)
    except RunError as error:
        raise ChangedError(
            f"The data set '{run.config.data}' is no longer the one that this run began with: its "
            "images, labels or splits have changed.",
            "Bring it back as it was and press Continue, or start a new run.",
        ) from error


def other_conditions(before: Started, now: Started) -> Iterator[Note]:
    """A note, if the arithmetic may not be the same as it was."""
    changed = [
        f"{name} {getattr(before, name)}, now {getattr(now, name)}"
        for name in ("device", "precision", "threads")
        if getattr(before, name) != getattr(now, name)
    ]
    changed += [
        f"{name} {before.versions.get(name, 'unknown')}, now {version}"
        for name, version in now.versions.items()
        if before.versions.get(name) != version
    ]
    if changed:
        yield Note(
            level="warning",
            text=f"The run goes on under other conditions ({'; '.join(changed)}): the last digits "
            "may differ from those of a run that was not interrupted.",
        )


def not_told_before(events: Iterator[Event], told: Sequence[Event]) -> Iterator[Event]:
    """The events without phases and notes that an earlier process has told already."""
    phases = {event.phase for event in told if isinstance(event, PhaseStarted)}
    notes = {event.text for event in told if isinstance(event, Note)}
    for event in events:
        again = isinstance(event, PhaseStarted) and event.phase in phases
        if not (again or (isinstance(event, Note) and event.text in notes)):
            yield event


def phase_of_best(told: Sequence[Event]) -> int:
    """The phase in which the best of the told epochs was learned; 0 if there is none."""
    best = [event.phase for event in told if isinstance(event, EpochFinished) and event.best]
    return best[-1] if best else 0
