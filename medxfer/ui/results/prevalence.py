"""What a call is worth where the finding is rarer or more common than in these images."""

from __future__ import annotations

import streamlit as st

from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.prevalence import at_prevalence
from medxfer.reports.blocks import interval
from medxfer.ui.results.judging import Result
from medxfer.ui.words import plain, split_word

_NOTHING = Estimate(None)


def draw_predictive_values(result: Result) -> None:
    """PPV and NPV at the prevalence typed, from sensitivity and specificity of this part."""
    classes, positive = result.predictions.classes, result.predictions.positive
    known = result.predictions.truth >= 0
    here = float((result.predictions.truth[known] == positive).mean()) if known.any() else 0.5
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        typed = st.number_input(
            "Prevalence there (%)", 0.1, 99.9, min(max(round(100 * here, 1), 0.1), 99.9),
            step=1.0, format="%.1f", key=f"{result.key}-prevalence", width=200,
            help="Of 100 people examined where the model would be used, how many have the finding. "
            f"Among these images it is {100 * here:.1f} %.",
        )  # fmt: skip
        ppv, npv = at_prevalence(
            result.estimates.get("sensitivity", _NOTHING),
            result.estimates.get("specificity", _NOTHING),
            float(typed) / 100,
        )
        st.markdown(
            f"- If it calls **{plain(classes[positive])}**, that is right in {_percent(ppv)} "
            "(positive predictive value, PPV).\n"
            f"- If it calls **{plain(classes[1 - positive])}**, that is right in {_percent(npv)} "
            "(negative predictive value, NPV)."
        )
    st.caption(
        f"From sensitivity {interval(result.estimates.get('sensitivity', _NOTHING))} and "
        f"specificity {interval(result.estimates.get('specificity', _NOTHING))} on "
        f"{split_word(result.split).lower()}, with the threshold in use; the prevalence is taken "
        "as known."
    )


def _percent(found: Estimate) -> str:
    if found.value is None:
        return "an unknown share of cases: not defined"
    if found.low is None or found.high is None:
        return f"**{100 * found.value:.1f} %**"
    return f"**{100 * found.value:.1f} %** ({100 * found.low:.1f} to {100 * found.high:.1f} %)"
