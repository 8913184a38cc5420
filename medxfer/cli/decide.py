"""`medxfer decide`: temperature and operating point of a run, chosen on validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.judging import decided_values, looks_values
from medxfer.cli.output import Session, command
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError

if TYPE_CHECKING:
    from medxfer.runs.decisions import Decisions

NONE = "none"
_RULES = ("youden", "sensitivity", "specificity", "cost", "threshold", NONE)


@click.command()
@click.argument("run")
@click.option("--temperature", type=click.Choice(["on", "off"]),
              help="Fit it on validation, and switch it on or off.")  # fmt: skip
@click.option("--rule", type=click.Choice(_RULES),
              help="How the threshold is chosen on validation; none takes it back.")  # fmt: skip
@click.option("--value", type=float,
              help="The least sensitivity or specificity, the cost of a miss over that of a false "
              "alarm, or the threshold itself.")  # fmt: skip
@click.option("--prevalence", type=float, help="For cost: the share of cases (else as found).")
@command
def decide(session: Session, run: str, **options: Any) -> None:
    """Choose temperature and operating point on validation; without options show what is in force.

    Both are stored with the run and hold for every figure from then on. Test figures seen before
    are no longer those in force: looking again is a new look.
    """
    from medxfer.runs.decisions import decide_temperature, decisions, looks

    place = session.workspace
    decisions(place, run)
    if options["temperature"] or options["rule"]:
        _make_sure_of_validation(session, run)
    if options["temperature"]:
        decide_temperature(place, run, on=options["temperature"] == "on")
    if options["rule"]:
        _decide_point(session, run, options["rule"], options["value"], options["prevalence"])
    elif options["value"] is not None or options["prevalence"] is not None:
        raise MedxferError("--value and --prevalence need a --rule.", "Name the rule.")
    decided, seen = decisions(place, run), looks(place, run)
    values = {
        "run": run,
        **decided_values(decided),
        "test_set": looks_values(seen),
        "notice": RESEARCH_USE_ONLY,
    }
    session.answer(values, f"{_told(decided)}\n{seen.sentence}.\n\n{RESEARCH_USE_ONLY}")


def _make_sure_of_validation(session: Session, run: str) -> None:
    from medxfer.cli.evaluate import answers

    answers(session, run, Split.VALIDATION)


def _decide_point(
    session: Session, run: str, rule: str, value: float | None, prevalence: float | None
) -> None:
    from medxfer.evaluation.operating_point import Rule, choose
    from medxfer.runs.decisions import decide_operating_point, validation

    if rule == NONE:
        if value is not None or prevalence is not None:
            raise MedxferError("The rule 'none' takes no value.", "Leave it out.")
        decide_operating_point(session.workspace, run, None)
        return
    point = choose(validation(session.workspace, run), Rule(rule), value, prevalence)
    decide_operating_point(session.workspace, run, point)


def _told(decided: Decisions) -> str:
    temperature, point = decided.temperature, decided.operating_point
    if temperature:
        state = "on" if temperature.on else "off"
        first = f"Temperature {temperature.value:.3f}, {state}."
    else:
        first = "No temperature was fitted."
    if point is None:
        return f"{first}\nNo operating point: the most probable class is called."
    asked = "" if point.value is None else f" {point.value:g}"
    return (
        f"{first}\nOperating point by {point.rule}{asked}: threshold {decided.threshold:.3f}; on "
        f"{point.n} validation images sensitivity {point.sensitivity:.3f}, specificity "
        f"{point.specificity:.3f}."
    )
