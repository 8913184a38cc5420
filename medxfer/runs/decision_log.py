"""The file behind `decisions`: JSON lines, appended, by any process that serves the workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from medxfer import lock
from medxfer.errors import RunError
from medxfer.files import append_lines

_PATIENCE_SECONDS = 9.0
_here = Lock()
"""Record locks keep processes apart, not the threads of one."""


class By(StrEnum):
    """Through what a person opened a test set."""

    PAGE = "page"
    COMMAND_LINE = "command line"


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """UTC, for display; order is the order in the file."""


class TemperatureLine(_Line):
    """A temperature was fitted on validation, or switched on or off."""

    kind: Literal["temperature"] = "temperature"
    value: float
    on: bool
    images: int
    """Of validation, with a known truth, that it was fitted on."""
    after_training: bool = False
    """Fitted by the run itself, since training had weighed the classes; not asked for."""

    @property
    def effect(self) -> str:
        """What it does to probabilities, and what it cannot do, in a sentence."""
        how = "less" if self.value >= 1 else "more"
        return (
            f"it makes probabilities {how} extreme; a level that the weighing moved, too high or "
            "too low on the whole, it cannot mend."
        )


class PointLine(_Line):
    """An operating point was chosen on validation, or taken back."""

    kind: Literal["operating_point"] = "operating_point"
    point: dict[str, Any] | None
    temperature: float
    """That the probabilities had been divided by when the threshold was chosen; 1: none."""


class BandLine(_Line):
    """An uncertain band was chosen on validation, or taken back.

    It belongs to the temperature and threshold of the lines before it.
    """

    kind: Literal["uncertain_band"] = "uncertain_band"
    band: dict[str, Any] | None
    accuracy: float
    """That was wished for among the answers given, 0 to 1."""


class SetsLine(_Line):
    """Conformal sets were calibrated on validation, or taken back.

    They belong to the temperature of the lines before.
    """

    kind: Literal["conformal_sets"] = "conformal_sets"
    sets: dict[str, Any] | None


class Opening(_Line):
    """A person looked at figures of a test set, under the decisions then in force."""

    kind: Literal["test_opened"] = "test_opened"
    run: str
    by: By
    fingerprint: str
    """Of all that was decided; `elsewhere` also of the data set."""
    temperature: float
    threshold: float | None
    data: str
    manifest_hash: str
    split_hash: str
    elsewhere: bool = False
    """At the test set of another data set than the run's own: it opens nothing of the run's own."""


Decision = TemperatureLine | PointLine | BandLine | SetsLine
Line = Decision | Opening

_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


def read(path: Path) -> list[Line]:
    """The lines of a file, none if it is missing; a last line that was cut off is left out.

    Raises:
        RunError: a line is damaged: a look may be missing, so nothing is counted.
    """
    try:
        written = path.read_bytes()
        complete = written[: written.rfind(b"\n") + 1]
        return [_LINE.validate_json(line) for line in complete.splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        raise RunError(
            f"What was decided about {path.parent.name} cannot be read: {path.name} is damaged, "
            "unreadable, or was written by a newer version of medxfer.",
            "Put the file back from a copy; without it nobody can say how often the test set was "
            "opened.",
        ) from error


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep every other process and thread from adding to the file while the block runs.

    Raises:
        RunError: the others do not finish.
    """
    busy = RunError(
        f"{path.parent.name} is being decided about by another process.", "Try again in a moment."
    )
    with _here, lock.waited(path.with_suffix(".lock"), busy, _PATIENCE_SECONDS):
        yield


def append(path: Path, *lines: Line) -> None:
    """Add lines, all or none, and flush them to the disk; the caller is `alone`.

    What a crash left of an earlier last line is cut off first.

    Raises:
        RunError: the disk is full or refuses; the lines before are as they were.
    """
    written = "".join(line.model_dump_json() + "\n" for line in lines).encode()
    try:
        append_lines(path, written, mode=0o644)
    except OSError as error:
        raise RunError(
            f"The decision about {path.parent.name} could not be written down and was not made: "
            f"{error.strerror or error}.",
            "Free some space or check the permissions of the workspace, and try again.",
        ) from error


def openings(path: Path) -> list[Opening]:
    """The looks among the lines of a file."""
    return [line for line in read(path) if isinstance(line, Opening)]


def keep_openings(decisions: Path, ledger: Path) -> None:
    """Copy the looks of a run that is about to be deleted to the ledger of its workspace.

    A look that happened is not undone by deleting the run.
    """
    looks = openings(decisions)
    if not looks:
        return
    with alone(ledger):
        known = set(openings(ledger))
        for look in looks:
            if look not in known:
                append(ledger, look)
