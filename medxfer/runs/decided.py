"""The sum of what was decided about a run's answers, and what it makes of them. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property

from medxfer.evaluation.conformal import ConformalSets
from medxfer.evaluation.operating_point import OperatingPoint
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.uncertain import UncertainBand, uncertain_band
from medxfer.paths import Workspace
from medxfer.runs import decision_log
from medxfer.runs.decision_log import (
    BandLine,
    Decision,
    Opening,
    PointLine,
    SetsLine,
    TemperatureLine,
)
from medxfer.runs.store import run_folder

_TWO = 2
_PLACES: dict[type[Decision], str] = {
    TemperatureLine: "temperature",
    PointLine: "point",
    BandLine: "band_line",
    SetsLine: "sets_line",
}
"""The field of `Decisions` that the last line of a kind fills."""


@dataclass(frozen=True)
class Decisions:
    """The sum of all that was decided about one run.

    `openings` are the looks at its test set, `elsewhere` those at test sets of other data: one for
    each set of decisions it was seen under, in order of time.
    """

    temperature: TemperatureLine | None = None
    """Fitted on validation; it counts only while it is `on`."""
    point: PointLine | None = None
    band_line: BandLine | None = None
    sets_line: SetsLine | None = None
    openings: tuple[Opening, ...] = ()
    elsewhere: tuple[Opening, ...] = ()

    @property
    def divisor(self) -> float:
        """What logits are divided by now; 1 where no temperature is on."""
        return self.temperature.value if self.temperature and self.temperature.on else 1.0

    @cached_property
    def operating_point(self) -> OperatingPoint | None:
        """The point as it was chosen on validation, with its rule and figures there."""
        chosen = self.point.point if self.point else None
        return None if chosen is None else OperatingPoint.from_json(chosen)

    @property
    def threshold(self) -> float | None:
        """The least probability, after the temperature, at which the positive class is called.

        A temperature moves all probabilities. The threshold moves with them, so that switching
        the temperature changes no call.
        """
        if self.point is None or self.operating_point is None:
            return None
        return moved(self.operating_point.threshold, self.point.temperature / self.divisor)

    @cached_property
    def band(self) -> UncertainBand | None:
        """The probabilities, after the temperature, between which no answer is given."""
        stored = self.band_line.band if self.band_line else None
        return None if stored is None else UncertainBand.from_json(stored)

    @cached_property
    def sets(self) -> ConformalSets | None:
        """Calibrated on probabilities after the temperature."""
        stored = self.sets_line.sets if self.sets_line else None
        return None if stored is None else ConformalSets.from_json(stored)

    @property
    def fingerprint(self) -> str:
        """Changes when anything does that test figures depend on."""
        decided: list[object] = [self.divisor, self.threshold]
        band, sets = self.band, self.sets
        if band or sets:  # without them as it was before there were any
            decided += [band and [band.low, band.high], sets and [sets.error_rate, sets.by_class]]
        return _digest(decided)

    @property
    def is_open(self) -> bool:
        """Whether test figures under these decisions were shown: showing them is no new look."""
        return any(look.fingerprint == self.fingerprint for look in self.openings)

    def fingerprint_on(self, manifest_hash: str, split_hash: str) -> str:
        """Of these decisions on another data set; never that of the run's own test set."""
        return _digest([self.fingerprint, manifest_hash, split_hash])

    def is_open_on(self, manifest_hash: str, split_hash: str) -> bool:
        """Whether test figures of another data set were shown under these decisions."""
        wanted = self.fingerprint_on(manifest_hash, split_hash)
        return any(look.fingerprint == wanted for look in self.elsewhere)


def decisions(workspace: Workspace, run: str) -> Decisions:
    """What is in force for a run now.

    Raises:
        RunError: the run is unknown, or its decisions are damaged.
    """
    last: dict[str, Decision] = {}
    own: dict[str, Opening] = {}
    elsewhere: dict[str, Opening] = {}
    for line in decision_log.read(run_folder(workspace, run).decisions):
        if isinstance(line, Opening):
            (elsewhere if line.elsewhere else own).setdefault(line.fingerprint, line)
        else:
            last[_PLACES[type(line)]] = line
    seen = {"openings": tuple(own.values()), "elsewhere": tuple(elsewhere.values())}
    return Decisions(**last, **seen)  # type: ignore[arg-type]


def judged(predictions: Predictions, decided: Decisions) -> Predictions:
    """The answers under what was decided: first the temperature, if it is on, then the threshold.

    The threshold is a probability after the temperature. Applied once, to answers as they were
    saved.
    """
    tempered = predictions.tempered(decided.divisor) if decided.divisor != 1 else predictions
    threshold = decided.threshold if len(predictions.classes) == _TWO else None
    return tempered.at(threshold)


def band_for(answers: Predictions, decided: Decisions, accuracy: float) -> UncertainBand:
    """The band around the threshold in force; `answers` are those of `validation`.

    Raises:
        EvaluationError: there are not two classes, or no band reaches the accuracy.
    """
    threshold = 0.5 if decided.threshold is None else decided.threshold
    return uncertain_band(answers, threshold, accuracy=accuracy)


def moved(threshold: float, factor: float) -> float:
    """The threshold whose log odds are `factor` times those of `threshold`; ends stay ends.

    Nothing is taken from 1, which would lose small thresholds.
    """
    if factor == 1 or threshold in (0, 1):
        return threshold
    log_odds = factor * (math.log(threshold) - math.log1p(-threshold))
    odds = math.exp(-abs(log_odds))
    return (1 if log_odds >= 0 else odds) / (1 + odds)


def _digest(decided: list[object]) -> str:
    return hashlib.sha256(json.dumps(decided).encode()).hexdigest()[:16]
