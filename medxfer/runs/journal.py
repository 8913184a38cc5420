"""The event file of a run: JSON lines, appended by the one process that executes the run."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from medxfer.errors import RunError
from medxfer.events import Event, parse


def append(path: Path, event: Event) -> None:
    """Add one event as one line, in a single write."""
    line = event.model_dump_json() + "\n"
    with path.open("ab") as file:
        file.write(line.encode())


def read(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """The events from byte `offset` on, and the offset to go on from next time.

    A last line that is still being written is left for next time; a missing file has no events.

    Raises:
        RunError: a line is not an event of this version of medxfer.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            written = file.read()
    except FileNotFoundError:
        return [], offset
    complete = written[: written.rfind(b"\n") + 1]
    try:
        return [parse(line) for line in complete.splitlines()], offset + len(complete)
    except ValidationError as error:
        raise RunError(
            f"The events of run {path.parent.name} cannot be read: {path.name} is damaged, or was "
            "written by a newer version of medxfer.",
            "Its model and predictions may still be used; train again to have the whole run.",
        ) from error
