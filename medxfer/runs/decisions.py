"""What was decided about a run's answers, and how often its test set was looked at.

Temperature, operating point, uncertain band and conformal sets are chosen on validation and stored
with the run. Figures of the test set are shown only after a person opened it; each opening is
counted. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from medxfer.activity import local_user, note
from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError, RunError, WorkspaceError
from medxfer.evaluation.conformal import conformal
from medxfer.evaluation.operating_point import OperatingPoint
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.temperature import fit_temperature
from medxfer.paths import Workspace
from medxfer.runs import decision_log
from medxfer.runs.decided import Decisions, band_for, decisions, judged
from medxfer.runs.decision_log import BandLine, Decision, PointLine, SetsLine, TemperatureLine
from medxfer.runs.looks import (
    Looks,
    looks,
    looks_at,
    open_elsewhere,
    open_test,
    openings_of_data,
)
from medxfer.runs.results import load_predictions
from medxfer.runs.store import run_folder

__all__ = [
    "Decisions",
    "Looks",
    "band_for",
    "decide_band",
    "decide_operating_point",
    "decide_sets",
    "decide_temperature",
    "decisions",
    "judged",
    "looks",
    "looks_at",
    "open_elsewhere",
    "open_test",
    "openings_of_data",
    "temper_after_training",
    "validation",
]

_TWO = 2
_ITSELF = "medxfer, after training"


def decide_temperature(
    workspace: Workspace,
    run: str,
    *,
    on: bool = True,
    after_training: bool = False,
    by: str = "",
) -> Decisions:
    """Fit the temperature on validation, and switch it on or off; what is in force then.

    The threshold moves along; uncertain band and conformal sets are chosen again by the same wish.
    What a person decided about it stands: then `after_training` changes nothing.

    Raises:
        RunError: the run is unknown or has no validation predictions.
        EvaluationError: they do not allow a fit.
    """
    answers = load_predictions(workspace, run, Split.VALIDATION)
    value, images = fit_temperature(answers), len(answers.known)
    line = TemperatureLine(value=value, on=on, images=images, after_training=after_training)

    def lines(decided: Decisions) -> list[Decision]:
        last = decided.temperature
        if after_training and last is not None and not last.after_training:
            return []
        return [line, *_chosen_again(replace(decided, temperature=line), answers)]

    return _decide(workspace, run, lines, _ITSELF if after_training else by)


def temper_after_training(workspace: Workspace, run: str) -> TemperatureLine | None:
    """Switch the temperature on for a run that did not count all images alike in training.

    None if a person decided about it, or if validation allows none: the calibration page says so.
    """
    with suppress(EvaluationError, RunError, WorkspaceError):
        line = decide_temperature(workspace, run, after_training=True).temperature
        return line if line is not None and line.after_training else None
    return None


def decide_operating_point(
    workspace: Workspace,
    run: str,
    point: OperatingPoint | None,
    *,
    under: Decisions | None = None,
    by: str = "",
) -> Decisions:
    """Store the operating point that was chosen on `validation(workspace, run, under)`; None: none.

    An uncertain band is chosen again around it by the same wish. `under` are the decisions that it
    was chosen with; None where nothing can have happened since.

    Raises:
        RunError: the run is unknown, does not tell two classes apart, or has another temperature
            by now than `under`; nothing is stored.
    """
    answers = load_predictions(workspace, run, Split.VALIDATION)
    if point is not None and len(answers.classes) != _TWO:
        raise RunError(
            f"An operating point needs two classes; run {run} has {len(answers.classes)}.",
            "With more classes the most probable one is called.",
        )
    chosen = None if point is None else point.to_json()

    def lines(decided: Decisions) -> list[Decision]:
        if point is not None:
            _check_same(run, under, decided)
        line = PointLine(point=chosen, temperature=decided.divisor)
        return [line, *_chosen_again(replace(decided, point=line), answers)]

    return _decide(workspace, run, lines, by)


def decide_band(
    workspace: Workspace,
    run: str,
    accuracy: float | None,
    *,
    under: Decisions | None = None,
    by: str = "",
) -> Decisions:
    """Store the uncertain band around the threshold in force that reaches an accuracy; None: none.

    `under` are the decisions that the person saw the band with.

    Raises:
        RunError: the run is unknown, has no validation predictions, or has another temperature or
            threshold by now than `under`; nothing is stored.
        EvaluationError: there are not two classes, or no band reaches it.
    """
    if accuracy is None:
        return _decide(workspace, run, lambda _: [BandLine(band=None, accuracy=0)], by)
    answers = load_predictions(workspace, run, Split.VALIDATION)

    def lines(decided: Decisions) -> list[Decision]:
        _check_same(run, under, decided, threshold=True)
        band = band_for(answers.tempered(decided.divisor), decided, accuracy)
        return [BandLine(band=band.to_json(), accuracy=accuracy)]

    return _decide(workspace, run, lines, by)


def decide_sets(
    workspace: Workspace,
    run: str,
    error_rate: float | None,
    *,
    by_class: bool = False,
    under: Decisions | None = None,
    by: str = "",
) -> Decisions:
    """Store conformal sets calibrated on validation; None: none.

    `under` are the decisions that the person saw the sets with.

    Raises:
        RunError: the run is unknown, has no validation predictions, or has another temperature by
            now than `under`; nothing is stored.
        EvaluationError: they cannot be calibrated so.
    """
    if error_rate is None:
        return _decide(workspace, run, lambda _: [SetsLine(sets=None)], by)
    answers = load_predictions(workspace, run, Split.VALIDATION)

    def lines(decided: Decisions) -> list[Decision]:
        _check_same(run, under, decided)
        sets = conformal(answers.tempered(decided.divisor), error_rate, by_class)
        return [SetsLine(sets=sets.to_json())]

    return _decide(workspace, run, lines, by)


def validation(workspace: Workspace, run: str, decided: Decisions | None = None) -> Predictions:
    """The answers that an operating point is chosen on: of validation, with the temperature.

    It is that of `decided`, else the one in force now.
    """
    answers = load_predictions(workspace, run, Split.VALIDATION)
    decided = decisions(workspace, run) if decided is None else decided
    return answers.tempered(decided.divisor)


def _check_same(
    run: str, under: Decisions | None, now: Decisions, *, threshold: bool = False
) -> None:
    """Make sure that a choice still rests on what is in force."""
    if under is None:
        return
    changed = "temperature" if under.divisor != now.divisor else ""
    if not changed and threshold and under.threshold != now.threshold:
        changed = "threshold"
    if changed:
        raise RunError(
            f"The {changed} of run {run} was changed meanwhile, in another window or by a command, "
            "and this choice was made with the one before. Nothing was stored.",
            "Look at the figures as they are now, and choose again.",
        )


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


def _decide(
    workspace: Workspace, run: str, lines: Callable[[Decisions], Sequence[Decision]], by: str
) -> Decisions:
    """Store the lines that follow from what is in force; nobody decides in between.

    `by` is who decides, for the list of activity; "" is whoever works at this computer.
    """
    path = run_folder(workspace, run).decisions
    with decision_log.alone(path):
        if new := lines(decisions(workspace, run)):
            decision_log.append(path, *new)
        decided = decisions(workspace, run)
    if new:
        what = new[0].kind.replace("_", " ")
        note(workspace, by or local_user(), f"decided: {what}", f"run {run}")
    return decided
