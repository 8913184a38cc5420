"""What a run said of other data sets: kept with the run, found again. Needs no torch."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Started
from medxfer.files import write_text
from medxfer.paths import RunPaths, Workspace, check_name
from medxfer.runs.store import load_run, run_folder


class Matched(StrEnum):
    """How it came about which of their classes is which of ours."""

    NAME = "name"
    """Their names are equal but for case."""
    HAND = "hand"
    """A person said so."""


class External(BaseModel):
    """One evaluation on another data set: of what, and what was left out of it."""

    model_config = ConfigDict(frozen=True)

    data: str
    split: str
    """train, val or test; "all" for every image that is not excluded."""
    matching: dict[str, str | None]
    """Their class: ours, or None."""
    images: int
    """With predictions and a truth."""
    patients: int | None
    """None where the other data set does not know its patients."""
    left_out: dict[str, int]
    """Images of their classes that match none of ours, by class."""
    own: int | None
    """Images left out because a data set that the network learned from holds the same file: that
    of the run, or of a run it started from. None if not all of these are as they were; then
    `own_found` are those that could be found."""
    epoch: int
    weights_sha256: str
    manifest_hash: str
    split_hash: str
    time: datetime
    own_found: int = 0
    gap: str = ""
    """Why `own` is None, in a clause."""
    same_patients: int | None = None
    """Images among `images` whose patient id is in one of these data sets as well, which may be
    chance; None where patients are not known on both sides."""
    matched: Matched | None = None
    """None in records from before it was noted."""

    @property
    def cautions(self) -> tuple[str, ...]:
        """Sentences on what the network may have seen before, to be told beside the figures."""
        said = []
        if self.own is None:
            why = f": {self.gap}" if self.gap else ""
            found = f"; {self.own_found:,} were found and left out" if self.own_found else ""
            said.append(
                "Whether images of the run's own data set, or of one that it started from, are "
                f"among them could not be checked{why}{found}."
            )
        if self.same_patients:
            said.append(
                f"{self.same_patients:,} of the images have a patient id that the run's own data "
                "set, or one that it started from, has as well: the same people, or the same "
                "numbers by chance."
            )
        return tuple(said)


def save_external(paths: RunPaths, record: External, predictions: Predictions) -> None:
    """Keep answers and record; the record, written last, is what makes them count."""
    answers, described = _files(paths, record.data, record.split)
    described.unlink(missing_ok=True)
    predictions.save(answers)
    write_text(described, record.model_dump_json(indent=2) + "\n")


def list_externals(workspace: Workspace, run: str) -> list[External]:
    """All evaluations of a run on other data sets, by name; one that cannot be read is left out."""
    found = []
    for path in sorted(run_folder(workspace, run).external.glob("*.json")):
        try:
            found.append(External.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    return found


def load_external(
    workspace: Workspace, run: str, data: str, split: str = "all"
) -> tuple[External, Predictions]:
    """One evaluation on another data set.

    Raises:
        RunError: the run is unknown or was not evaluated on that.
        EvaluationError: the answers are damaged.
    """
    answers, described = _files(run_folder(workspace, run), data, split)
    try:
        record = External.model_validate_json(described.read_bytes())
    except (OSError, ValidationError) as error:
        raise RunError(
            f"The run {run} was not evaluated on '{data}' ({split}).",
            f"Do it: medxfer evaluate {run} --on '{data}'",
        ) from error
    return record, Predictions.load(answers)


def holds_test(answers: Predictions) -> bool:
    """Whether some are about the test part of their data set: figures of them are a look at it."""
    return bool((answers.facts["split"] == str(Split.TEST)).any())


def run_classes(workspace: Workspace, run: str) -> tuple[str, ...]:
    """The classes of a run, in order; RunError if it is unknown or never began."""
    events = load_run(workspace, run).events
    started = next((event for event in events if isinstance(event, Started)), None)
    if started is None:
        raise RunError(f"The run {run} never began, so it has no classes.", "Train again.")
    return started.classes


def _files(paths: RunPaths, data: str, split: str) -> tuple[Path, Path]:
    stem = f"{check_name(data, 'data set')}.{check_name(split, 'part')}"
    return paths.external / f"{stem}.parquet", paths.external / f"{stem}.json"
