"""The check of one run: settings, events, checkpoints, predictions, decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medxfer import lock
from medxfer.errors import EvaluationError, MedxferError, RunError, WeightsError
from medxfer.evaluation.predictions import Predictions
from medxfer.events import PredictionsSaved, Started
from medxfer.files import sha256_of
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import decision_log
from medxfer.runs.store import Run, load_run
from medxfer.runs.summary import RunState

_FROM_A_COPY = "Put the file back from a copy, or train again."
_WHOLE = (RunState.FINISHED, RunState.STOPPED)


def look_at_run(workspace: Workspace, run: str) -> Iterator[MedxferError]:
    """What is damaged or gone in the folder of a run; files that are being written are passed."""
    try:
        paths = workspace.run(run)
        if lock.is_held(paths.lock):
            return
        loaded = load_run(workspace, run)
    except MedxferError as error:
        yield error
        return
    for file in (paths.events, paths.decisions):
        if _is_cut(file):
            yield RunError(
                f"The last line of {file.name} of run {run} is cut off.",
                "If the disk was full or the power failed, go on with the run, or decide again; "
                "else put the file back from a copy.",
            )
    yield from _records(paths, run)
    yield from _weights(loaded)
    yield from _predictions(loaded)
    try:
        decision_log.read(paths.decisions)
    except RunError as error:
        yield error


def _records(paths: RunPaths, run: str) -> Iterator[WeightsError]:
    """Faults of JSON files, and of the files whose hash one of them records."""
    for record in sorted(paths.root.rglob("*.json")):
        shown = record.relative_to(paths.root)
        try:
            values = json.loads(record.read_bytes())
        except (OSError, ValueError):
            yield WeightsError(f"{shown} of run {run} is damaged.", _FROM_A_COPY)
            continue
        if record.name == "state.json" and not _is_sealed(record):
            yield WeightsError(f"{shown} of run {run} is damaged.", _FROM_A_COPY)
        for name, sha256 in recorded(values, f"{record.stem}.safetensors"):
            file = record.with_name(name)
            if not file.is_file():
                yield WeightsError(
                    f"{file.relative_to(paths.root)} of run {run}, which {record.name} names, is "
                    "gone.",
                    _FROM_A_COPY,
                )
            elif sha256_of(file) != sha256:
                yield WeightsError(
                    f"{file.relative_to(paths.root)} of run {run} is damaged: its checksum is not "
                    "the one recorded when it was saved.",
                    _FROM_A_COPY,
                )


def _is_sealed(record: Path) -> bool:
    """Whether what a run goes on by still is what was written."""
    from medxfer.training.saves import StateRecord  # torch takes seconds to import

    try:
        return StateRecord.model_validate_json(record.read_bytes()).whole
    except ValidationError:
        return False


def recorded(values: Any, namesake: str) -> Iterator[tuple[str, str]]:
    """File names with their SHA-256 in a record: wherever `sha256` stands, beside `file`.

    A record that names no file is about its `namesake`.
    """
    if isinstance(values, list):
        for below in values:
            yield from recorded(below, "")
    if not isinstance(values, dict):
        return
    file, sha256 = values.get("file", namesake), values.get("sha256")
    if isinstance(file, str) and file and isinstance(sha256, str):
        yield Path(file).name, sha256
    for below in values.values():
        yield from recorded(below, "")


def _weights(loaded: Run) -> Iterator[WeightsError]:
    """Weights without their record, or without the events that led to them."""
    paths, summary = loaded.paths, loaded.summary
    kept = (paths.checkpoints / "best.json").is_file()
    if kept and not loaded.events:
        yield WeightsError(
            f"Run {summary.run} has kept weights, and its events.jsonl is gone.", _FROM_A_COPY
        )
    if summary.state in _WHOLE and not kept:
        yield WeightsError(
            f"Run {summary.run} has ended, and its checkpoints/best.json is gone.", _FROM_A_COPY
        )


def _predictions(loaded: Run) -> Iterator[MedxferError]:
    paths, run = loaded.paths, loaded.summary.run
    again = f"Make it anew: medxfer evaluate {run}"
    classes = [event.classes for event in loaded.events if isinstance(event, Started)]
    told = {
        event.split: event.images for event in loaded.events if isinstance(event, PredictionsSaved)
    }
    for split, images in told.items():
        file = paths.predictions(split)
        if not file.is_file():
            yield EvaluationError(f"predictions/{file.name} of run {run} is gone.", again)
            continue
        try:
            found = Predictions.load(file)
        except EvaluationError:
            yield EvaluationError(f"predictions/{file.name} of run {run} is damaged.", again)
            continue
        if len(found) != images or found.classes not in classes:
            yield EvaluationError(
                f"predictions/{file.name} of run {run} is not what the run saved.", again
            )
    for file in sorted(paths.external.glob("*.parquet")):
        try:
            Predictions.load(file)
        except EvaluationError:
            yield EvaluationError(
                f"external/{file.name} of run {run} is damaged.",
                f"Make it anew: medxfer evaluate {run} --on DATA",
            )


def _is_cut(file: Path) -> bool:
    """Whether a file of lines ends within one."""
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return bool(content) and not content.endswith(b"\n")
