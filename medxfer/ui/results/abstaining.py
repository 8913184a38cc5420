"""When the machine should not answer alone: an uncertain band, and sets of classes."""

from __future__ import annotations

import streamlit as st

from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError
from medxfer.evaluation.conformal import PROMISE, conformal, coverage
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.uncertain import outside, uncertain_band
from medxfer.reports.blocks import interval, number
from medxfer.runs.decisions import validation
from medxfer.runs.results import saved_splits
from medxfer.ui.frame import show_problem
from medxfer.ui.results.judging import Result
from medxfer.ui.words import plain, split_word


def draw_uncertain(result: Result, answers: Predictions) -> None:
    """A band of probabilities in which no answer is given, folded away; `answers`: validation."""
    with st.expander("Leave uncertain images to a person"):
        wished = st.number_input(
            "Right answers wished for among those given (%)", 50.0, 100.0, 95.0, step=1.0,
            format="%.1f", key=f"{result.key}-wished", width=320,
        )  # fmt: skip
        at = result.decided.threshold
        try:
            band = uncertain_band(answers, 0.5 if at is None else at, accuracy=float(wished) / 100)
        except EvaluationError as error:
            show_problem(error)
            return
        found = outside(result.predictions, band)
        name = plain(answers.classes[positive_class(answers.classes)])
        if band.low >= band.high:
            st.markdown("No band is needed: validation reaches this with an answer for all images.")
        else:
            st.markdown(
                f"Between probabilities of **{band.low:.3f}** and **{band.high:.3f}** of “{name}” "
                "no answer is given: a person should look."
            )
        st.markdown(
            f"On {split_word(result.split).lower()}: left to a person "
            f"{interval(found.uncertain)}; of the answers given, right "
            f"{interval(found.accuracy)}, sensitivity {interval(found.sensitivity)}, specificity "
            f"{interval(found.specificity)}."
        )
        st.caption("The narrowest band that reaches it on validation; shares with 95 % intervals.")


def draw_sets(result: Result) -> None:
    """Conformal sets with the coverage that was measured, folded away."""
    with st.expander("Advanced: sets of classes that hold the truth (conformal prediction)"):
        st.markdown(
            "Instead of one class, the model names **all it cannot rule out**: one where it is "
            "sure, several where it is not."
        )
        rate = st.number_input(
            "Truths that may be missed (%)", 1.0, 50.0, 10.0, step=1.0, format="%.1f",
            key=f"{result.key}-error-rate", width=260,
        )  # fmt: skip
        by_class = st.toggle(
            "Keep the promise within each class (larger sets)", key=f"{result.key}-by-class"
        )
        if Split.VALIDATION not in saved_splits(result.place, result.run.run):
            st.caption("They are calibrated on validation, of which there are no predictions.")
            return
        try:
            sets = conformal(
                validation(result.place, result.run.run), float(rate) / 100, by_class=by_class
            )
        except EvaluationError as error:
            show_problem(error)
            return
        if result.split is not Split.TEST:
            limits = ", ".join(
                f"“{plain(name)}” from {number(max(0.0, 1 - limit))}"
                for name, limit in zip(sets.classes, sets.limits, strict=True)
            )
            st.markdown(f"A class is in the set from this probability on: {limits}.")
            st.caption(
                "Whether the promise is kept can be measured only on images they were not "
                "calibrated on: open the test set, and it stands here."
            )
        else:
            held = coverage(sets, result.predictions)
            st.markdown(
                f"Promised: the truth in {100 * held.promised:.0f} % of the sets. **Measured on "
                f"test: {interval(held.overall)}**; a single class in {interval(held.single)}, "
                f"none in {interval(held.empty)}; {number(held.mean_size, 2)} classes on average."
            )
            by = "; ".join(f"{plain(name)} {interval(it)}" for name, it in held.by_class.items())
            st.markdown(f"By class: {by}.")
        st.caption(PROMISE)
