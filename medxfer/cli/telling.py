"""What happens in a run, told on standard error while it happens."""

from __future__ import annotations

import sys

import click

from medxfer.cli.output import say
from medxfer.events import (
    EpochFinished,
    Event,
    Note,
    PhaseStarted,
    Preparing,
    Progress,
    Started,
)

_PREPARING = {
    "weights": ("Fetching weights", " bytes"),
    "pixels": ("Decoding images", ""),
    "features": ("Computing what the frozen stages see", " views"),
}
_START_OF_LINE = "\r\x1b[K"
"""Back to the start of the terminal's line, and what stands there erased."""


class Telling:
    """Tells event after event: a line each, and on a terminal a line that counts in place."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._step = ""
        self._on_terminal = sys.stderr.isatty()

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._say(f"On {event.device} ({event.precision}), weights: {event.weights}")
            case PhaseStarted():
                self._say(f"Phase {event.phase + 1}, from epoch {event.epoch}")
            case Preparing():
                self._prepare(event)
            case Progress():
                self._count(
                    f"epoch {event.epoch}/{self._epochs} {event.step} {event.batch}/"
                    f"{event.batches}, {event.images_per_second:.0f} images/s",
                    event.seconds_left,
                )
            case EpochFinished():
                self._say(self._finished(event))
            case Note():
                self._say(f"{event.level.capitalize()}: {event.text}")
            case _:
                self._replace("")
        self._step = event.step if isinstance(event, Preparing) else ""

    def _finished(self, event: EpochFinished) -> str:
        shown = ", ".join(
            f"{name} {value:.3f}" for name, value in event.validation.items() if value is not None
        )
        best = "  (best so far)" if event.best else ""
        return f"Epoch {event.epoch}/{self._epochs}, {event.seconds:.1f} s: {shown}{best}"

    def _prepare(self, event: Preparing) -> None:
        doing, things = _PREPARING[event.step]
        if self._on_terminal:
            self._count(f"{doing}: {event.done:,} of {event.total:,}{things}", event.seconds_left)
        elif event.step != self._step:
            self._say(f"{doing}: {event.total:,}{things}")

    def _count(self, text: str, seconds_left: float | None) -> None:
        """A line that the next one replaces; nothing where lines stay."""
        left = "" if seconds_left is None else f", {seconds_left:.0f} s left"
        self._replace(f"  {text}{left}")

    def _replace(self, line: str) -> None:
        if self._on_terminal:
            click.echo(_START_OF_LINE + line, err=True, nl=False)

    def _say(self, text: str) -> None:
        say(f"{_START_OF_LINE}{text}" if self._on_terminal else text)
