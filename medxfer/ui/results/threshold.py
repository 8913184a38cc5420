"""Where to call the finding: an operating point chosen on validation by a rule, kept with the run.

Nothing here is ever chosen on test images.
"""

from __future__ import annotations

import streamlit as st

from medxfer.errors import EvaluationError
from medxfer.evaluation.operating_point import OperatingPoint, Rule, choose
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.sample import Sample
from medxfer.reports.blocks import interval
from medxfer.reports.stamp import stamp
from medxfer.runs.decisions import decide_operating_point, validation
from medxfer.ui.frame import show_problem
from medxfer.ui.people import who
from medxfer.ui.results.abstaining import draw_sets, draw_uncertain
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.results.deciding import decide_button
from medxfer.ui.results.judging import Result, about
from medxfer.ui.results.lock import warn_of_change
from medxfer.ui.results.prevalence import draw_predictive_values
from medxfer.ui.results.threshold_chart import threshold_figure
from medxfer.ui.words import count, plain

_TWO = 2
_MOST_TYPED = 1e15
"""A browser keeps larger numbers inexactly."""
_LEFT, _RIGHT = 340, 560
"""Pixels of the choice and of its chart."""
RULES = {
    Rule.YOUDEN: "Best balance of both (Youden)",
    Rule.SENSITIVITY: "Sensitivity of at least",
    Rule.SPECIFICITY: "Specificity of at least",
    Rule.COST: "A miss costs more than a false alarm",
    Rule.THRESHOLD: "By hand",
}
_ASKED = {
    Rule.SENSITIVITY: ("Least sensitivity", 0.95),
    Rule.SPECIFICITY: ("Least specificity", 0.95),
    Rule.COST: ("A miss is so many times as bad", 10.0),
    Rule.THRESHOLD: ("Probability from which it is called", 0.5),
}


def draw_threshold(result: Result) -> None:
    """Choose, look, keep; then what a call is worth, and when to leave it to a person."""
    if len(result.predictions.classes) != _TWO:
        st.info(
            "With more than two classes the most probable one is called, so there is no threshold "
            "to choose.",
            icon=":material/info:",
        )
        draw_sets(result)
        return
    answers = validation(result.place, result.run.run, result.decided)
    # Not columns: on a narrow window the chart goes below.
    with st.container(horizontal=True, gap="large"):
        with st.container(width=_LEFT):
            point = _choose(result, answers)
        with st.container(width=_RIGHT):
            _draw_chart(result, answers, point)
    st.subheader("What a call is worth elsewhere")
    draw_predictive_values(result)
    draw_uncertain(result, answers)
    draw_sets(result)


def _choose(result: Result, answers: Predictions) -> OperatingPoint | None:
    """The point the rule gives; keeps it when asked to."""
    decided, run = result.decided, result.run.run
    name = plain(answers.classes[answers.positive])
    stored = decided.operating_point
    st.markdown(
        f"**From which probability is “{name}” called?** Chosen on validation, never on test."
    )
    rules = list(RULES)
    rule = st.selectbox(
        "Rule", rules, format_func=RULES.__getitem__, key=f"rule-{run}",
        index=rules.index(stored.rule) if stored else 0,
    )  # fmt: skip
    value = _ask(rule, stored, run)
    try:
        point = choose(answers, rule, value)
    except EvaluationError as error:
        show_problem(error)
        return None
    _tell(answers, point)
    in_force = stored is not None and decided.threshold == point.threshold
    decide_button(
        "This operating point is in use" if in_force else "Use this operating point", decided,
        lambda under: decide_operating_point(result.place, run, point, under=under, by=who()),
        kind="primary", icon=":material/check:", disabled=in_force, key=f"use-{run}",
    )  # fmt: skip
    if stored is not None:
        decide_button(
            "Call the most probable class again", decided,
            lambda _: decide_operating_point(result.place, run, None, by=who()),
            kind="tertiary", key=f"call-most-probable-{run}",
        )  # fmt: skip
    if not in_force:
        warn_of_change(decided)
    return point


def _ask(rule: Rule, stored: OperatingPoint | None, run: str) -> float | None:
    if rule not in _ASKED:
        return None
    label, first = _ASKED[rule]
    kept = stored.value if stored and stored.rule is rule and stored.value is not None else first
    if rule is Rule.COST:
        # The command line takes any cost: the bounds give way to what is stored.
        kept = min(kept, _MOST_TYPED)
        least, most, step, form = min(0.01, kept), max(1000.0, kept), 1.0, "%g"
    else:
        least, most, step, form = 0.0, 1.0, 0.01, "%.3f"
    return float(
        st.number_input(
            label, least, most, float(kept), step=step, format=form, key=f"value-{run}-{rule}"
        )
    )


def _tell(answers: Predictions, point: OperatingPoint) -> None:
    classes, positive = answers.classes, answers.positive
    sample = Sample(answers.at(point.threshold))
    found, spared = sample.sensitivity(positive).estimate, sample.specificity(positive).estimate
    st.markdown(f"“{plain(classes[positive])}” from a probability of **{point.threshold:.3f}** on.")
    st.markdown(f"- Sensitivity {interval(found)}\n- Specificity {interval(spared)}")
    st.caption(
        f"On {count(point.n, 'validation image')}, 95 % intervals. They flatter a little, since "
        "the threshold was chosen on these very images."
    )


def _draw_chart(result: Result, answers: Predictions, point: OperatingPoint | None) -> None:
    threshold = point.threshold if point else None
    try:
        figure = threshold_figure(answers, threshold, result.decided.threshold)
    except EvaluationError:
        return  # said where the point is chosen
    told = f" The rule chooses {threshold:.3f}." if threshold is not None else ""
    draw_figure(
        figure,
        stamp(result.run, part=about("val", answers)),
        key=f"{result.run.run}-threshold",
        file="threshold",
        alt=f"Sensitivity and specificity on validation over the threshold.{told}",
    )
