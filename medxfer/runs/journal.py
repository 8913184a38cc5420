"""The event file of a run: JSON lines, appended by the one process that executes the run."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from medxfer.errors import RunError
from medxfer.events import Event, parse
from medxfer.files import append_lines

_PROGRESS = b'"kind":"progress"'
"""Of such a line alone: in a text the quotation marks would be escaped."""


def append(path: Path, event: Event) -> None:
    """Add one event as one line, whole or not at all.

    Half a line, which a writer that was killed may have left at the end, is cut off first.

    Raises:
        OSError: the disk is full or refuses; the file is as it was.
    """
    append_lines(path, (event.model_dump_json() + "\n").encode(), flushed=False)


def read(path: Path, offset: int = 0, *, progress: bool = True) -> tuple[list[Event], int]:
    """The events from byte `offset` on, and the offset to go on from next time.

    A last line that is still being written is left for next time; a missing file has no events.
    Without `progress` the steps within epochs are left out, but for the last line: of a long run
    they are nearly all there is, and a list of runs shows none of them.

    Raises:
        RunError: a line is not an event of this version of medxfer.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            written = file.read()
    except FileNotFoundError:
        return [], offset
    except OSError as error:
        raise RunError(
            f"The events of run {path.parent.name} cannot be read: {error.strerror}.",
            "Check the permissions of its folder.",
        ) from error
    complete = written[: written.rfind(b"\n") + 1]
    lines = complete.splitlines()
    if not progress:
        lines = [line for line in lines[:-1] if _PROGRESS not in line] + lines[-1:]
    try:
        return [parse(line) for line in lines], offset + len(complete)
    except ValidationError as error:
        raise RunError(
            f"The events of run {path.parent.name} cannot be read: {path.name} is damaged, or was "
            "written by a newer version of medxfer.",
            "Its model and predictions may still be used; train again to have the whole run.",
        ) from error
