"""`medxfer decide`: what holds for a run's answers, chosen on validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.judging import decided_values, looks_values
from medxfer.cli.output import Session, command
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError

if TYPE_CHECKING:
    from medxfer.evaluation.operating_point import OperatingPoint
    from medxfer.runs.decisions import Decisions

NONE = "none"
_RULES = ("youden", "sensitivity", "specificity", "cost", "threshold", NONE)


class _Share(click.ParamType[float | str]):
    """A share between 0 and 1, or `none`."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        if value == NONE:
            return NONE
        share = float(click.FLOAT.convert(value, param, ctx))
        if not 0 < share <= 1:
            self.fail(f"{value} is not a share above 0 and up to 1.", param, ctx)
        return share


_SHARE = _Share()


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
@click.option("--uncertain", metavar="ACCURACY", type=_SHARE,
              help="Leave images to a person around the threshold, as few as reach this accuracy "
              "(0 to 1) among the others; none takes it back.")  # fmt: skip
@click.option("--sets", metavar="RATE", type=_SHARE,
              help="Conformal sets of classes that miss the truth in at most this share (0 to 1) "
              "of images; none takes them back.")  # fmt: skip
@click.option("--by-class", is_flag=True, help="With --sets: keep the promise in each class.")
@command
def decide(session: Session, run: str, **options: Any) -> None:
    """Choose on validation what holds for a run's answers; without options show what is in force.

    What is chosen is stored with the run and holds for every figure from then on. Test figures seen
    before are no longer those in force: looking again is a new look.
    """
    from medxfer.runs.decisions import (
        decide_band,
        decide_sets,
        decide_temperature,
        decisions,
        looks,
    )

    place = session.workspace
    decisions(place, run)
    _check_options(options)
    if any(options[name] is not None for name in ("temperature", "rule", "uncertain", "sets")):
        _make_sure_of_validation(session, run)
    rule = (options["rule"], options["value"], options["prevalence"])
    if options["rule"]:
        _chosen(session, run, *rule)  # what cannot be chosen says so before anything is stored
    if options["temperature"]:
        decide_temperature(place, run, on=options["temperature"] == "on")
    if options["rule"]:
        _decide_point(session, run, *rule)
    if options["uncertain"] is not None:
        decide_band(place, run, None if options["uncertain"] == NONE else options["uncertain"])
    if options["sets"] is not None:
        rate = None if options["sets"] == NONE else options["sets"]
        decide_sets(place, run, rate, by_class=options["by_class"])
    decided, seen = decisions(place, run), looks(place, run)
    values = {
        "run": run,
        **decided_values(decided),
        "test_set": looks_values(seen),
        "notice": RESEARCH_USE_ONLY,
    }
    session.answer(values, f"{_told(decided)}\n{seen.sentence}.\n\n{RESEARCH_USE_ONLY}")


def _check_options(options: dict[str, Any]) -> None:
    """Whether options go together, before anything is decided."""
    given = options["value"] is not None or options["prevalence"] is not None
    if given and not options["rule"]:
        raise MedxferError("--value and --prevalence need a --rule.", "Name the rule.")
    if given and options["rule"] == NONE:
        raise MedxferError("The rule 'none' takes no value.", "Leave it out.")
    if options["by_class"] and options["sets"] is None:
        raise MedxferError("--by-class needs --sets.", "Give the share that may be missed.")


def _make_sure_of_validation(session: Session, run: str) -> None:
    from medxfer.cli.evaluate import answers

    answers(session, run, Split.VALIDATION)


def _decide_point(
    session: Session, run: str, rule: str, value: float | None, prevalence: float | None
) -> None:
    from medxfer.runs.decisions import decide_operating_point

    point, decided = _chosen(session, run, rule, value, prevalence)
    decide_operating_point(session.workspace, run, point, under=decided)


def _chosen(
    session: Session, run: str, rule: str, value: float | None, prevalence: float | None
) -> tuple[OperatingPoint | None, Decisions]:
    """The point that a rule gives on validation, and the decisions it is chosen under."""
    from medxfer.evaluation.operating_point import Rule, choose
    from medxfer.runs.decisions import decisions, validation

    decided = decisions(session.workspace, run)
    if rule == NONE:
        return None, decided
    answers = validation(session.workspace, run, decided)
    return choose(answers, Rule(rule), value, prevalence), decided


def _told(decided: Decisions) -> str:
    temperature, point, band, sets = (
        decided.temperature, decided.operating_point, decided.band, decided.sets
    )  # fmt: skip
    lines = ["No temperature was fitted."]
    if temperature:
        by = ", since training did not count all images alike" * temperature.after_training
        lines = [f"Temperature {temperature.value:.3f}, {'on' if temperature.on else 'off'}{by}."]
    if point is None:
        lines.append("No operating point: the most probable class is called.")
    else:
        asked = "" if point.value is None else f" {point.value:g}"
        lines.append(
            f"Operating point by {point.rule}{asked}: threshold {decided.threshold:.3f}; on "
            f"{point.n} validation images sensitivity {point.sensitivity:.3f}, specificity "
            f"{point.specificity:.3f}."
        )
    if band:
        lines.append(
            f"No answer between {band.low:.3f} and {band.high:.3f}: {100 * band.share:.1f} % of "
            f"{band.n} validation images."
        )
    if sets:
        within = " within each class" * sets.by_class
        lines.append(
            f"Conformal sets hold the truth in {100 * (1 - sets.error_rate):g} %{within}, "
            f"calibrated on {sets.n} validation images."
        )
    return "\n".join(lines)
