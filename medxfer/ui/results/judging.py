"""One part of a run's data as the result page shows it: answers under what was decided, judged.

Intervals take seconds, so they are computed once for each state of answers and decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import streamlit as st

from medxfer.data.manifest import Split
from medxfer.evaluation.alarms import Alarm, Part
from medxfer.evaluation.bands import roc_bands
from medxfer.evaluation.calibration import Calibration
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.intervals import Intervals
from medxfer.evaluation.predictions import Predictions
from medxfer.paths import Workspace
from medxfer.reports.circumstances import raised
from medxfer.reports.gathering import calibrated
from medxfer.reports.stamp import Stamp, stamp
from medxfer.runs.decisions import Decisions, Looks, judged
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.runs.summary import RunSummary
from medxfer.ui.words import count, split_word

_KEPT = 12
"""Parts whose figures are remembered."""

Key = tuple[str, int, int, str]
"""Of answers under decisions: file, time stamp, bytes, fingerprint of the decisions."""


@dataclass(frozen=True)
class Result:
    """The answers about one part under the decisions in force; figures are made when asked for."""

    place: Workspace
    run: RunSummary
    split: Split
    decided: Decisions
    looks: Looks
    predictions: Predictions
    answers: Key

    @property
    def key(self) -> str:
        """What widgets of this part are called."""
        return f"{self.run.run}-{self.split}"

    @property
    def estimates(self) -> dict[str, Estimate]:
        return estimates_of(self.predictions, self.answers)

    @property
    def classes(self) -> pd.DataFrame:
        """As `Intervals.by_class`."""
        return _intervals(self.predictions, self.answers).by_class

    @property
    def bands(self) -> dict[int, pd.DataFrame]:
        """As `roc_bands` gives them."""
        return _bands(self.predictions, self.answers)

    @property
    def calibration(self) -> Calibration | None:
        return _calibration(self.predictions, self.answers)

    @property
    def part(self) -> Part:
        return Part(self.split.words, self.predictions, self.estimates, self.calibration)

    @cached_property
    def mark(self) -> Stamp:
        """The stamp of its figures; on test it says how often that was opened."""
        return stamp(self.run, part=about(self.split, self.predictions, self.looks))


def result_of(
    place: Workspace, run: RunSummary, split: Split, decided: Decisions, looks: Looks
) -> Result:
    """What is saved of one part, under the decisions in force."""
    path = place.run(run.run).predictions(split)
    predictions = judged(load_predictions(place, run.run, split), decided)
    return Result(place, run, split, decided, looks, predictions, key_of(path, decided))


def key_of(path: Path, decided: Decisions) -> Key:
    """Changes when the file of the answers or the decisions do."""
    found = path.stat()
    return str(path), found.st_mtime_ns, found.st_size, decided.fingerprint


def about(split: str, predictions: Predictions, looks: Looks | None = None) -> str:
    """Which images answers are about: "validation, 86 images"."""
    said = f"{split_word(split).lower()}, {count(len(predictions.truth), 'image')}"
    return f"{said}. {looks.sentence}" if looks and split == Split.TEST else said


def alarms_of(result: Result) -> list[Alarm]:
    """The alarms about what is shown; those about test also compare it with validation."""
    place, run = result.place, result.run
    if result.split is Split.VALIDATION:
        return raised(place, run.run, result.part, None)
    validation = None
    if Split.VALIDATION in saved_splits(place, run.run):
        beside = result_of(place, run, Split.VALIDATION, result.decided, result.looks)
        validation = beside.part
    return raised(place, run.run, validation, result.part)


def estimates_of(predictions: Predictions, key: Key) -> dict[str, Estimate]:
    """Every figure with its interval."""
    return _intervals(predictions, key).overall


# Resources, not data: they would be copied at every click. Nobody writes to them.
@st.cache_resource(max_entries=_KEPT, show_spinner="Computing 95 % intervals …")
def _intervals(_predictions: Predictions, key: Key) -> Intervals:
    found = Intervals(_predictions)
    _ = found.overall  # here, under the spinner; the classes then take no time
    return found


@st.cache_resource(max_entries=_KEPT, show_spinner="Computing the band of the ROC curve …")
def _bands(_predictions: Predictions, key: Key) -> dict[int, pd.DataFrame]:
    return roc_bands(_predictions)


@st.cache_resource(max_entries=_KEPT, show_spinner="Checking the probabilities …")
def _calibration(_predictions: Predictions, key: Key) -> Calibration | None:
    return calibrated(_predictions)
