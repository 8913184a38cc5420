"""What was decided about a run's answers, and how often its test set was looked at.

Temperature, operating point, uncertain band and conformal sets are chosen on validation and stored
with the run. Figures of the test set are shown only after a person opened it; each opening is
counted. Needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError, RunError
from medxfer.evaluation.conformal import ConformalSets, conformal
from medxfer.evaluation.operating_point import OperatingPoint
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.temperature import fit_temperature
from medxfer.evaluation.uncertain import UncertainBand, uncertain_band
from medxfer.events import Started
from medxfer.paths import Workspace
from medxfer.runs import decision_log
from medxfer.runs.decision_log import (
    BandLine,
    By,
    Decision,
    Opening,
    PointLine,
    SetsLine,
    TemperatureLine,
)
from medxfer.runs.results import load_predictions
from medxfer.runs.store import load_run, run_folder

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

    `openings` are the looks at its test set: one for each set of decisions it was seen under, in
    order of time.
    """

    temperature: TemperatureLine | None = None
    """Fitted on validation; it counts only while it is `on`."""
    point: PointLine | None = None
    band_line: BandLine | None = None
    sets_line: SetsLine | None = None
    openings: tuple[Opening, ...] = ()

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
        return _moved(self.operating_point.threshold, self.point.temperature / self.divisor)

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
        return hashlib.sha256(json.dumps(decided).encode()).hexdigest()[:16]

    @property
    def is_open(self) -> bool:
        """Whether test figures under these decisions were shown: showing them is no new look."""
        return any(look.fingerprint == self.fingerprint for look in self.openings)


@dataclass(frozen=True)
class Looks:
    """How often a test set was looked at: in all, and by the network of one run."""

    total: int
    this_run: int
    first: datetime | None
    """By the network of this run, UTC."""
    other_splits: int = 0
    """Looks at other test parts of the same data set, which may share images with this one."""

    @property
    def sentence(self) -> str:
        """What stands beside every figure of the test set."""
        more = ""
        if self.other_splits:
            more = f"; {self.other_splits} more under other splits of this data set"
        if not self.total:
            return f"Test set not opened yet{more}"
        mine = f"this run: {self.this_run}" if self.this_run else "this run: never"
        since = f", first on {self.first.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.first else ""
        times = "once" if self.total == 1 else f"{self.total} times"
        return f"Test set opened {times} ({mine}{since}){more}"


def decisions(workspace: Workspace, run: str) -> Decisions:
    """What is in force for a run now.

    Raises:
        RunError: the run is unknown, or its decisions are damaged.
    """
    last: dict[str, Decision] = {}
    looks: dict[str, Opening] = {}
    for line in decision_log.read(run_folder(workspace, run).decisions):
        if isinstance(line, Opening):
            looks.setdefault(line.fingerprint, line)
        else:
            last[_PLACES[type(line)]] = line
    return Decisions(**last, openings=tuple(looks.values()))  # type: ignore[arg-type]


def decide_temperature(
    workspace: Workspace, run: str, *, on: bool = True, after_training: bool = False
) -> Decisions:
    """Fit the temperature on validation, and switch it on or off; what is in force then.

    The threshold moves along; uncertain band and conformal sets are chosen again by the same wish.

    Raises:
        RunError: the run is unknown or has no validation predictions.
        EvaluationError: they do not allow a fit.
    """
    answers = load_predictions(workspace, run, Split.VALIDATION)
    value, images = fit_temperature(answers), len(answers.known)
    line = TemperatureLine(value=value, on=on, images=images, after_training=after_training)
    decided = replace(decisions(workspace, run), temperature=line)
    return _decide(workspace, run, line, *_chosen_again(decided, answers))


def decide_operating_point(
    workspace: Workspace, run: str, point: OperatingPoint | None
) -> Decisions:
    """Store the operating point that was chosen on `validation(workspace, run)`; None: none.

    An uncertain band is chosen again around it by the same wish.

    Raises:
        RunError: the run is unknown or does not tell two classes apart.
    """
    answers = load_predictions(workspace, run, Split.VALIDATION)
    if point is not None and len(answers.classes) != _TWO:
        raise RunError(
            f"An operating point needs two classes; run {run} has {len(answers.classes)}.",
            "With more classes the most probable one is called.",
        )
    chosen = None if point is None else point.to_json()
    decided = decisions(workspace, run)
    line = PointLine(point=chosen, temperature=decided.divisor)
    again = _chosen_again(replace(decided, point=line), answers)
    return _decide(workspace, run, line, *again)


def decide_band(workspace: Workspace, run: str, accuracy: float | None) -> Decisions:
    """Store the uncertain band around the threshold in force that reaches an accuracy; None: none.

    Raises:
        RunError: the run is unknown or has no validation predictions.
        EvaluationError: there are not two classes, or no band reaches it.
    """
    if accuracy is None:
        return _decide(workspace, run, BandLine(band=None, accuracy=0))
    band = band_for(validation(workspace, run), decisions(workspace, run), accuracy)
    return _decide(workspace, run, BandLine(band=band.to_json(), accuracy=accuracy))


def band_for(answers: Predictions, decided: Decisions, accuracy: float) -> UncertainBand:
    """The band around the threshold in force; `answers` are those of `validation`.

    Raises:
        EvaluationError: there are not two classes, or no band reaches the accuracy.
    """
    threshold = 0.5 if decided.threshold is None else decided.threshold
    return uncertain_band(answers, threshold, accuracy=accuracy)


def decide_sets(
    workspace: Workspace, run: str, error_rate: float | None, *, by_class: bool = False
) -> Decisions:
    """Store conformal sets calibrated on validation; None: none.

    Raises:
        RunError: the run is unknown or has no validation predictions.
        EvaluationError: they cannot be calibrated so.
    """
    if error_rate is None:
        return _decide(workspace, run, SetsLine(sets=None))
    sets = conformal(validation(workspace, run), error_rate, by_class)
    return _decide(workspace, run, SetsLine(sets=sets.to_json()))


def validation(workspace: Workspace, run: str) -> Predictions:
    """The answers that an operating point is chosen on: of validation, with the temperature."""
    answers = load_predictions(workspace, run, Split.VALIDATION)
    return answers.tempered(decisions(workspace, run).divisor)


def judged(predictions: Predictions, decided: Decisions) -> Predictions:
    """The answers under what was decided: first the temperature, if it is on, then the threshold.

    The threshold is a probability after the temperature. Applied once, to answers as they were
    saved.
    """
    tempered = predictions.tempered(decided.divisor) if decided.divisor != 1 else predictions
    threshold = decided.threshold if len(predictions.classes) == _TWO else None
    return tempered.at(threshold)


def open_test(workspace: Workspace, run: str, by: By | str) -> Decisions:
    """Count a look at the test figures of a run under the decisions in force, and date it.

    Under decisions that its test set was seen under before, it is no new look.

    Raises:
        RunError: the run is unknown, has no test predictions, or the look cannot be recorded; then
            nothing may be shown.
    """
    loaded = load_run(workspace, run)
    started = next((event for event in loaded.events if isinstance(event, Started)), None)
    if started is None or not loaded.paths.predictions(Split.TEST).is_file():
        raise RunError(
            f"The run {run} has no predictions for the test set, so there is nothing to open.",
            "They are saved when training ends; after a stop, evaluate the run.",
        )
    path = loaded.paths.decisions
    with decision_log.alone(path):
        decided = decisions(workspace, run)
        if not decided.is_open:
            look = Opening(
                run=run,
                by=By(by),
                fingerprint=decided.fingerprint,
                temperature=decided.divisor,
                threshold=decided.threshold,
                data=loaded.config.data,
                manifest_hash=started.manifest_hash,
                split_hash=started.split_hash,
            )
            decision_log.append(path, look)
        return decisions(workspace, run)


def openings_of_data(
    workspace: Workspace, data: str, manifest_hash: str | None = None
) -> list[Opening]:
    """The looks at the test sets of a data set by all runs, also deleted ones, in order of time.

    Choosing between runs by their test figures makes those figures too good, so it is the looks
    of all of them that count. With `manifest_hash`, the same images under another name count too.
    """
    files = [*workspace.runs.glob("*/decisions.jsonl"), workspace.openings]
    looks = {(look.run, look.fingerprint, look.time): look
             for file in files for look in decision_log.openings(file)}  # fmt: skip
    same = (
        look for look in looks.values() if look.data == data or look.manifest_hash == manifest_hash
    )
    return sorted(same, key=lambda look: look.time)


def looks(workspace: Workspace, run: str) -> Looks:
    """How often the test set of a run was looked at, by it and by all runs of the same data.

    Raises:
        RunError: the run is unknown, or a record of looks is damaged.
    """
    loaded = load_run(workspace, run)
    started = next((event for event in loaded.events if isinstance(event, Started)), None)
    if started is None:
        return Looks(0, 0, None)
    every = openings_of_data(workspace, loaded.config.data, started.manifest_hash)
    same = [look for look in every if look.split_hash == started.split_hash]
    mine = [look.time for look in same if look.run == run]
    return Looks(len(same), len(mine), min(mine, default=None), len(every) - len(same))


def _chosen_again(decided: Decisions, answers: Predictions) -> list[Decision]:
    """Band and sets in force for the temperature and threshold of `decided`; none if out of reach.

    `answers` are those of validation as they were saved.
    """
    tempered, lines = answers.tempered(decided.divisor), list[Decision]()
    if decided.band and decided.band_line:
        wish = decided.band_line.accuracy
        try:
            band = band_for(tempered, decided, wish).to_json()
        except EvaluationError:
            band = None
        lines.append(BandLine(band=band, accuracy=wish))
    if decided.sets:
        sets = conformal(tempered, decided.sets.error_rate, decided.sets.by_class)
        lines.append(SetsLine(sets=sets.to_json()))
    return lines


def _decide(workspace: Workspace, run: str, *lines: Decision) -> Decisions:
    path = run_folder(workspace, run).decisions
    with decision_log.alone(path):
        for line in lines:
            decision_log.append(path, line)
    return decisions(workspace, run)


def _moved(threshold: float, factor: float) -> float:
    """The threshold whose log odds are `factor` times those of `threshold`; ends stay ends."""
    if factor == 1 or threshold in (0, 1):
        return threshold
    log_odds = factor * math.log(threshold / (1 - threshold))
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else 1 - 1 / (1 + math.exp(log_odds))
