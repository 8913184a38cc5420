"""When the machine should not answer alone: an uncertain band, and sets of classes.

Both are chosen on validation and kept with the run; on test only what is in use is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError
from medxfer.evaluation.conformal import PROMISE, ConformalSets, conformal, coverage
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.uncertain import UncertainBand, outside
from medxfer.reports.blocks import interval, number
from medxfer.runs.decisions import Decisions, band_for, decide_band, decide_sets, validation
from medxfer.runs.results import saved_splits
from medxfer.ui.frame import show_problem
from medxfer.ui.people import who
from medxfer.ui.results.deciding import decide_button
from medxfer.ui.results.judging import Result
from medxfer.ui.results.lock import warn_of_change
from medxfer.ui.words import plain, split_word

_ACCURACY, _ERROR_RATE = 0.95, 0.1


def draw_uncertain(result: Result, answers: Predictions) -> None:
    """A band of probabilities in which no answer is given, folded away; `answers`: validation."""
    decided, place, run = result.decided, result.place, result.run.run
    kept = decided.band_line.accuracy if decided.band and decided.band_line else _ACCURACY
    percent = _percent(kept)
    with st.expander("Leave uncertain images to a person"):
        wished = st.number_input(
            "Right answers wished for among those given (%)", min(50.0, percent), 100.0, percent,
            step=1.0, format="%.1f", key=f"wished-{run}", width=320,
        )  # fmt: skip
        try:
            band = band_for(answers, decided, float(wished) / 100)
        except EvaluationError as error:
            show_problem(error)
            return
        name = plain(answers.classes[answers.positive])
        st.markdown(_between(band, name))
        st.markdown(_worth(Split.VALIDATION, answers, band))
        st.caption("The narrowest band that reaches it on validation; shares with 95 % intervals.")
        _draw_use(
            decided,
            decided.band,
            band,
            ("Leave these to a person", "These are left to a person", "Answer every image again"),
            lambda on, under: decide_band(
                place, run, float(wished) / 100 if on else None, under=under, by=who()
            ),
            key=f"band-{run}",
        )
        if result.split is Split.TEST:
            if decided.band:
                st.markdown(_worth(Split.TEST, result.predictions, decided.band))
            else:
                st.caption("On test a band is measured once it is in use.")


def draw_sets(result: Result) -> None:
    """Conformal sets with the coverage that was measured, folded away."""
    decided, place, run = result.decided, result.place, result.run.run
    with st.expander("Advanced: sets of classes that hold the truth (conformal prediction)"):
        st.markdown(
            "Instead of one class, the model names **all it cannot rule out**: one where it is "
            "sure, several where it is not."
        )
        percent = _percent(decided.sets.error_rate if decided.sets else _ERROR_RATE)
        rate = st.number_input(
            "Truths that may be missed (%)", min(1.0, percent), max(50.0, percent), percent,
            step=1.0, format="%.1f", key=f"error-rate-{run}", width=260,
        )  # fmt: skip
        by_class = st.toggle(
            "Keep the promise within each class (larger sets)",
            value=bool(decided.sets and decided.sets.by_class),
            key=f"by-class-{run}",
        )
        if Split.VALIDATION not in saved_splits(place, run):
            st.caption("They are calibrated on validation, of which there are no predictions.")
            return
        try:
            answers = validation(place, run, decided)
            sets = conformal(answers, float(rate) / 100, by_class=by_class)
        except EvaluationError as error:
            show_problem(error)
            return
        limits = ", ".join(
            f"“{plain(name)}” from {number(max(0.0, 1 - limit))}"
            for name, limit in zip(sets.classes, sets.limits, strict=True)
        )
        st.markdown(f"A class is in the set from this probability on: {limits}.")
        _draw_use(
            decided,
            decided.sets,
            sets,
            ("Use these sets", "These sets are in use", "Name one class again"),
            lambda on, under: decide_sets(
                place,
                run,
                float(rate) / 100 if on else None,
                by_class=by_class,
                under=under,
                by=who(),
            ),
            key=f"sets-{run}",
        )
        if result.split is Split.TEST and decided.sets:
            _draw_coverage(decided.sets, result.predictions)
        else:
            st.caption(
                "Whether the promise is kept can be measured only on images they were not "
                "calibrated on: once sets are in use and the test set is open, it stands here."
            )
        st.caption(PROMISE)


def _draw_use(
    decided: Decisions,
    stored: object | None,
    offered: object,
    words: tuple[str, str, str],
    decide: Callable[[bool, Decisions], object],
    *,
    key: str,
) -> None:
    """Buttons to take what is offered into use, and out of it; `words` say use, in use, out."""
    use, used, out = words
    in_use = stored == offered
    with st.container(horizontal=True):
        decide_button(
            used if in_use else use, decided, partial(decide, True), key=f"use-{key}",
            disabled=in_use, icon=":material/check:",
        )  # fmt: skip
        if stored is not None:
            decide_button(out, decided, partial(decide, False), key=f"drop-{key}", kind="tertiary")
    warn_of_change(decided)


def _percent(share: float) -> float:
    """Without the last digits of binary fractions, so that what is stored is offered again.

    The command line takes any share: the bounds of a widget must give way to what is stored.
    """
    return round(100 * share, 9)


def _between(band: UncertainBand, name: str) -> str:
    if band.low >= band.high:
        return "No band is needed: validation reaches this with an answer for all images."
    return (
        f"Between probabilities of **{band.low:.3f}** and **{band.high:.3f}** of “{name}” "
        "no answer is given: a person should look."
    )


def _worth(split: Split, answers: Predictions, band: UncertainBand) -> str:
    found = outside(answers, band)
    return (
        f"On {split_word(split).lower()}: left to a person {interval(found.uncertain)}; of the "
        f"answers given, right {interval(found.accuracy)}, sensitivity "
        f"{interval(found.sensitivity)}, specificity {interval(found.specificity)}."
    )


def _draw_coverage(sets: ConformalSets, predictions: Predictions) -> None:
    held = coverage(sets, predictions)
    st.markdown(
        f"Promised: the truth in {100 * held.promised:.0f} % of the sets. **Measured on "
        f"test: {interval(held.overall)}**; a single class in {interval(held.single)}, "
        f"none in {interval(held.empty)}; {number(held.mean_size, 2)} classes on average."
    )
    by = "; ".join(f"{plain(name)} {interval(it)}" for name, it in held.by_class.items())
    st.markdown(f"By class: {by}.")
