"""`medxfer evaluate`: figures of a run with intervals, on its own parts or on another data set."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.judging import decided_values, looks_values, shown
from medxfer.cli.output import Session, command, say, table
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError
from medxfer.reports.blocks import interval

if TYPE_CHECKING:  # scipy and torch take seconds, which `--help` need not spend
    from medxfer.evaluation.alarms import Part
    from medxfer.evaluation.predictions import Predictions
    from medxfer.reports.gathering import Judged
    from medxfer.runs.decisions import Decisions

ALL = "all"


@click.command()
@click.argument("run")
@click.option(
    "--split",
    type=click.Choice([Split.VALIDATION.value, Split.TEST.value, Split.TRAIN.value, ALL]),
    show_default="val; with --on, all",
    help="Looking at test is counted, with --on for the other data set; all goes with --on only.",
)
@click.option("--on", "data", metavar="DATA", help="Another data set with the same classes.")
@click.option("--match", multiple=True, metavar="THEIRS=OURS",
              help="With --on, where names are not equal: which class of the run a class of theirs "
              "is; may be repeated; nothing behind the = leaves it out.")  # fmt: skip
@command
def evaluate(
    session: Session, run: str, split: str | None, data: str | None, match: tuple[str, ...]
) -> None:
    """Show how well a run's best network does, each figure with its 95 % interval.

    The test set is for the end: each opening of it is counted, and the count stands beside its
    figures.
    """
    if data is not None:
        values, text = _elsewhere(session, run, data, split or ALL, match)
    else:
        if split == ALL or match:
            raise MedxferError(
                "--split all and --match are for another data set.", "Name it: --on DATA"
            )
        values, text = _own(session, run, Split(split or Split.VALIDATION))
    session.answer(values | {"notice": RESEARCH_USE_ONLY}, f"{text}\n\n{RESEARCH_USE_ONLY}")


def answers(session: Session, run: str, split: Split) -> Predictions:
    """What is saved of a split, else what the network says now; torch only for the latter."""
    from medxfer.errors import EvaluationError
    from medxfer.runs.results import load_predictions, saved_splits

    if split in saved_splits(session.workspace, run):
        with suppress(EvaluationError):  # a damaged file is made anew
            return load_predictions(session.workspace, run, split)
    from medxfer.runs.evaluate import evaluated

    return evaluated(session.workspace, run, split)


def _own(session: Session, run: str, split: Split) -> tuple[dict[str, Any], str]:
    from medxfer.reports.gathering import judged_part
    from medxfer.runs.decisions import decisions, looks, open_test

    place = session.workspace
    predictions = answers(session, run, split)
    decided = decisions(place, run)
    if split is Split.TEST:
        decided = open_test(place, run, "command line")
    found = judged_part(predictions, split, decided)
    part = found.part
    seen = looks(place, run)
    alarms = _alarms(session, run, split, part, decided)
    abstaining, told = _abstaining(part.predictions, split, decided)
    if split is Split.TEST:
        say(f"{seen.sentence}.")
    values = {
        "run": run,
        "split": str(split),
        **_figures(found),
        **decided_values(decided),
        **abstaining,
        "test_set": looks_values(seen),
        "alarms": [vars(alarm) for alarm in alarms],
    }
    lines = [
        f"{values['n']} images of {values['patients']} patients of '{split}'",
        shown(part.estimates),
        "",
        _matrix(part.predictions),
        *told,
        *(f"{alarm.severity.capitalize()}: {alarm.problem} {alarm.remedy}" for alarm in alarms),
        f"{seen.sentence}.",
    ]
    return values, "\n".join(lines)


def _elsewhere(
    session: Session, run: str, data: str, split: str, match: tuple[str, ...]
) -> tuple[dict[str, Any], str]:
    from medxfer.data.library import load_manifest
    from medxfer.reports.gathering import gaps, judged_part
    from medxfer.runs.decisions import decisions, looks, looks_at, open_elsewhere
    from medxfer.runs.external_record import holds_test, run_classes

    place = session.workspace
    theirs, ours = load_manifest(place, data).classes, run_classes(place, run)
    matching = _settled(theirs, ours, _matched(match))
    chosen = None if split == ALL else Split(split)
    from medxfer.runs.external import evaluate_external  # loads torch: what is wrong is told first

    record, predictions = evaluate_external(place, run, data, matching, chosen)
    decided = decisions(place, run)
    if holds_test(predictions):
        decided = open_elsewhere(place, run, record, "command line")
    there_seen = looks_at(place, data, record.manifest_hash, record.split_hash, run)
    seen = looks(place, run)
    here = Split.TEST if decided.is_open and not seen.unknown else Split.VALIDATION
    inside = judged_part(answers(session, run, here), here, decided)
    there = judged_part(predictions, Split.TEST, decided)
    away = gaps(there.part.estimates, inside.part.estimates)
    values = {
        "run": run,
        "on": data,
        "split": split,
        **_figures(there),
        "matching": record.matching,
        "left_out": record.left_out,
        "matched_by": record.matched,
        "own_images": record.own,
        "same_patients": record.same_patients,
        "cautions": list(record.cautions),
        "internal": {"split": str(here), "metrics": _json(inside.part.estimates)},
        "difference": _json(away),
        **decided_values(decided),
        "test_set": looks_values(seen),
        "test_set_on": looks_values(there_seen),
    }
    pairs = ", ".join(f"{name} = {ours or 'left out'}" for name, ours in record.matching.items())
    lines = [
        f"{len(predictions)} images of '{data}', classes matched: {pairs}",
        shown(there.part.estimates),
        "",
        f"Difference from {here.words} of the run's own data",
        shown(away),
        "",
        _matrix(there.predictions),
        *record.cautions,
        f"'{data}': {there_seen.sentence}.",
    ]
    return values, "\n".join(lines)


def _settled(
    theirs: tuple[str, ...], ours: tuple[str, ...], by_hand: dict[str, str | None]
) -> dict[str, str | None] | None:
    """Their class: ours; None where all names are equal, so that nobody had to say anything.

    A name that is merely similar is asked about: what looks alike may mean the opposite. So is any
    other, if nothing was said by hand.
    """
    from medxfer.runs.matching import equal, suggest

    same, likely = equal(theirs, ours), suggest(theirs, ours)
    open_ = [name for name in theirs if name not in by_hand and same[name] is None]
    asked = [name for name in open_ if likely[name] not in (None, *by_hand.values())]
    if asked or (open_ and not by_hand):
        typed = " ".join(
            "--match " + shlex.quote(f"{name}={likely[name] or '?'}") for name in open_
        )
        raise MedxferError(
            f"Which class of the run ({', '.join(ours)}) is which is not clear from the names: "
            f"{', '.join(open_)}.",
            f"Say it: {typed}, each with the class of the run behind the =, or nothing to leave it "
            "out. Check what is suggested: a similar name may mean the opposite.",
        )
    return same | by_hand if by_hand else None


def _figures(judged: Judged) -> dict[str, Any]:
    from medxfer.evaluation.confusion import matrix
    from medxfer.evaluation.estimate import plain_rows

    part = judged.part
    known = part.predictions.known
    return {
        "n": len(known),
        "patients": int(known.facts["patient"].nunique()),
        "classes": list(part.predictions.classes),
        "metrics": _json(part.estimates),
        "by_class": plain_rows(judged.classes),
        "calibration": part.calibration.to_json() if part.calibration else None,
        "confusion_matrix": matrix(part.predictions).tolist(),
    }


def _abstaining(
    predictions: Predictions, split: Split, decided: Decisions
) -> tuple[dict[str, Any], list[str]]:
    """What band and sets in force come to; sets only on images they were not calibrated on."""
    from medxfer.evaluation.conformal import coverage
    from medxfer.evaluation.uncertain import outside

    values: dict[str, Any] = {"outside_band": None, "coverage": None}
    lines = []
    if decided.band:
        found = outside(predictions, decided.band)
        values["outside_band"] = found.to_json()
        lines.append(
            f"Left to a person {interval(found.uncertain)}; of the others right "
            f"{interval(found.accuracy)}."
        )
    if decided.sets and split is Split.TEST:
        held = coverage(decided.sets, predictions)
        values["coverage"] = held.to_json()
        lines.append(
            f"Conformal sets hold the truth in {interval(held.overall)}, promised "
            f"{held.promised:g}."
        )
    return values, lines


def _alarms(session: Session, run: str, split: Split, part: Part, decided: Decisions) -> list[Any]:
    """Alarms of this part, beside validation where it is the test part."""
    from medxfer.reports.circumstances import raised
    from medxfer.reports.gathering import judged_part

    if split is Split.TRAIN:
        return []
    if split is Split.VALIDATION:
        return raised(session.workspace, run, part, None)
    validation = answers(session, run, Split.VALIDATION)
    beside = judged_part(validation, Split.VALIDATION, decided).part
    return raised(session.workspace, run, beside, part)


def _json(estimates: dict[str, Any]) -> dict[str, Any]:
    return {name: estimate.to_json() for name, estimate in estimates.items()}


def _matched(match: tuple[str, ...]) -> dict[str, str | None]:
    matched: dict[str, str | None] = {}
    for pair in match:
        theirs, sign, ours = pair.partition("=")
        if not sign or not theirs:
            raise MedxferError(
                f"--match {pair} does not say which class is which.", "Write THEIRS=OURS."
            )
        matched[theirs] = ours or None
    return matched


def _matrix(predictions: Predictions) -> str:
    from medxfer.evaluation.confusion import matrix

    classes = predictions.classes
    rows = [
        {"": name} | {f"called {called}": n for called, n in zip(classes, row, strict=True)}
        for name, row in zip(classes, matrix(predictions).tolist(), strict=True)
    ]
    columns = {"": "truth \\ prediction"} | {f"called {name}": name for name in classes}
    return table(rows, columns)
