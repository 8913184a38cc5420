"""Everything a run recorded that its report tells, read from the workspace. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import pandas as pd

from medxfer.activity import deleted_on
from medxfer.audit.leaking import Known
from medxfer.audit.record import Audit
from medxfer.data.corrections import Action, Correction, in_force
from medxfer.data.info import DatasetInfo
from medxfer.data.library import (
    dataset_info,
    load_corrections,
    load_manifest,
    load_skipped,
)
from medxfer.data.manifest import Manifest, Split
from medxfer.errors import DataError, EvaluationError, RunError
from medxfer.evaluation.alarms import Alarm, Part, alarms, difference
from medxfer.evaluation.calibration import Calibration, calibration
from medxfer.evaluation.conformal import Coverage, conformal, coverage
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.intervals import Intervals, estimates
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.subgroups import Subgroups, by_subgroup
from medxfer.events import EpochFinished, Fitted, Note, Started
from medxfer.paths import Workspace
from medxfer.reports.characteristics import interesting
from medxfer.reports.circumstances import audit_of, circumstances, known_of, patients_told_apart
from medxfer.reports.discretion import Discretion
from medxfer.runs.decisions import Decisions, Looks, decisions, judged, looks, looks_at
from medxfer.runs.external_record import External, holds_test, list_externals, load_external
from medxfer.runs.heatmaps import all_kept
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.runs.store import Run, kept_weights, load_run, trained_on
from medxfer.runs.worth import Checks

_ERROR_RATE = 0.1
_CURVES, _FEWEST = 4000, 200
"""Calibration curves fitted in all, one a class and resample: 2,000 resamples of two classes."""


@dataclass(frozen=True)
class Source:
    """The data set of a run, as long as it is the one the run was trained on."""

    info: DatasetInfo
    manifest: Manifest
    skipped: pd.DataFrame
    """Columns file and reason."""
    corrections: tuple[Correction, ...]
    """Those in force."""
    audit: Audit | None
    """None if there is none of the data set as it is now."""

    @cached_property
    def discretion(self) -> Discretion:
        """What takes the names of its patients and files out of sentences; its classes stay."""
        table = self.manifest.table
        files = [*table["file"], *self.skipped["file"]]
        return Discretion(table["patient"].unique(), files, self.manifest.classes)


@dataclass(frozen=True)
class Judged:
    """One part of the data under the decisions in force, with its figures."""

    split: Split
    part: Part
    classes: pd.DataFrame
    """As `Intervals.by_class`."""

    @property
    def predictions(self) -> Predictions:
        return self.part.predictions


@dataclass(frozen=True)
class Elsewhere:
    """An evaluation on another data set; `gaps` are its figures less the internal ones.

    Both are empty where they are of a test part that was not opened under the decisions in force.
    """

    record: External
    estimates: dict[str, Estimate]
    gaps: dict[str, Estimate]


@dataclass(frozen=True)
class Recorded:
    """All that a report is made from. What is None was not recorded, or is no longer there."""

    run: Run
    started: Started | None
    fitted: Fitted | None
    epochs: tuple[EpochFinished, ...]
    notes: tuple[str, ...]
    source: Source | None
    known: Known
    """Of the data set as the run learned from it, also where `source` is None."""
    decisions: Decisions
    looks: Looks
    validation: Judged | None
    test: Judged | None
    """None unless it was opened under the decisions in force, and the number of looks is known."""
    subgroups: tuple[Subgroups, ...]
    coverage: Coverage | None
    externals: tuple[Elsewhere, ...]
    heatmaps: tuple[Checks, ...]
    """Of the parts that are told."""
    alarms: tuple[Alarm, ...]
    weights_sha256: str
    """Of the network kept; "" if none was."""
    made: datetime
    deleted: datetime | None = None
    """When the data set was deleted, if it was; UTC."""

    @property
    def patients_known(self) -> bool | None:
        """Whether the patient ids stand for people; None if nobody can tell any more."""
        parts = (self.validation, self.test)
        return patients_told_apart(
            self.known, *(part.predictions if part else None for part in parts)
        )

    @property
    def final(self) -> Judged | None:
        """The part that the details are about: test if it was opened, else validation."""
        return self.test or self.validation


def gather(
    workspace: Workspace, run: str, columns: Sequence[str] = (), made: datetime | None = None
) -> Recorded:
    """Read what a run recorded and compute its figures; opens no test set.

    `columns` of the data set are told by group besides those with a usual name.

    Raises:
        RunError: the run is unknown, has not ended, or its records are damaged.
        DataError: the data set has no such column.
    """
    loaded = load_run(workspace, run)
    if not loaded.summary.state.ended:
        raise RunError(f"The run {run} has not ended.", "Wait until it has, or stop it.")
    started = next((event for event in loaded.events if isinstance(event, Started)), None)
    fitted = next((event for event in loaded.events if isinstance(event, Fitted)), None)
    decided = decisions(workspace, run)
    source, known = _source(workspace, loaded), known_of(workspace, loaded)
    seen = looks(workspace, run)
    told = interesting(source.manifest, columns) if source else []
    validation = _judged(workspace, run, Split.VALIDATION, decided)
    shown = decided.is_open and not seen.unknown
    test = _judged(workspace, run, Split.TEST, decided) if shown else None
    final = test or validation
    return Recorded(
        run=loaded,
        started=started,
        fitted=fitted,
        epochs=tuple(event for event in loaded.events if isinstance(event, EpochFinished)),
        notes=tuple(event.text for event in loaded.events if isinstance(event, Note)),
        source=source,
        known=known,
        decisions=decided,
        looks=seen,
        validation=validation,
        test=test,
        subgroups=_subgroups(source, final, told),
        coverage=_coverage(decided, validation, test),
        externals=_externals(workspace, run, decided, final),
        heatmaps=all_kept(workspace, run, (Split.VALIDATION, *([Split.TEST] if test else []))),
        alarms=tuple(_alarms(loaded, known, decided, validation, test)),
        weights_sha256=kept_weights(loaded.paths),
        deleted=deleted_on(workspace, f"data set {loaded.config.data}"),
        made=made or datetime.now(UTC),
    )


def judged_part(predictions: Predictions, split: Split, decided: Decisions) -> Judged:
    """One part under the decisions in force, with intervals and calibration."""
    answers = judged(predictions, decided)
    intervals = Intervals(answers)
    part = Part(split.words, answers, intervals.overall, calibrated(answers))
    return Judged(split, part, intervals.by_class)


def calibrated(answers: Predictions) -> Calibration | None:
    """How far probabilities may be taken at their word; None where no image can tell."""
    try:
        return calibration(answers, resamples=max(_CURVES // len(answers.classes), _FEWEST))
    except EvaluationError:
        return None


def _judged(workspace: Workspace, run: str, split: Split, decided: Decisions) -> Judged | None:
    if split not in saved_splits(workspace, run):
        return None
    return judged_part(load_predictions(workspace, run, split), split, decided)


def _source(workspace: Workspace, run: Run) -> Source | None:
    name = run.config.data
    try:
        manifest = load_manifest(workspace, name)
        trained_on(run, manifest)
        info, skipped = dataset_info(workspace, name), load_skipped(workspace, name)
        made = load_corrections(workspace, name)
    except (DataError, RunError):
        return None
    corrections = tuple(
        correction
        for correction, counts in zip(made, in_force(made), strict=True)
        if counts and correction.action is not Action.UNDO
    )
    return Source(info, manifest, skipped, corrections, audit_of(workspace, run))


def _subgroups(
    source: Source | None, final: Judged | None, columns: Sequence[str]
) -> tuple[Subgroups, ...]:
    if source is None or final is None:
        return ()
    table = source.manifest.table.set_index("image")
    found = []
    for column in columns:
        with suppress(EvaluationError):  # too many values to be groups
            found.append(by_subgroup(final.predictions, table[column], estimates))
    return tuple(found)


def _coverage(
    decided: Decisions, validation: Judged | None, test: Judged | None
) -> Coverage | None:
    """Of the sets in use, else of usual ones calibrated on validation, on test; None without."""
    if validation is None or test is None:
        return None
    try:
        sets = decided.sets or conformal(validation.predictions, _ERROR_RATE)
        return coverage(sets, test.predictions)
    except EvaluationError:
        return None


def _externals(
    workspace: Workspace, run: str, decided: Decisions, final: Judged | None
) -> tuple[Elsewhere, ...]:
    found = []
    for record in list_externals(workspace, run):
        with suppress(EvaluationError, RunError):  # damaged
            _, answers = load_external(workspace, run, record.data, record.split)
            hashes = (record.manifest_hash, record.split_hash)
            unknown = looks_at(workspace, record.data, *hashes, run).unknown
            closed = unknown or not decided.is_open_on(*hashes)
            if holds_test(answers) and closed:
                found.append(Elsewhere(record, {}, {}))
                continue
            there = estimates(judged(answers, decided))
            here = final.part.estimates if final else {}
            found.append(Elsewhere(record, there, gaps(there, here)))
    return tuple(found)


def gaps(there: dict[str, Estimate], here: dict[str, Estimate]) -> dict[str, Estimate]:
    """Figures on other images less those on ours, with the interval of independent samples."""
    return {name: difference(there[name], here[name]) for name in there if name in here}


def _alarms(
    run: Run, known: Known, decided: Decisions, validation: Judged | None, test: Judged | None
) -> list[Alarm]:
    first, last = (part.part if part else None for part in (validation, test))
    return alarms(first, last, circumstances(run, known, decided, first, last))
