"""The images worth looking at: confidently wrong, and barely right."""

from __future__ import annotations

import streamlit as st

from medxfer.evaluation.failures import barely_right, confidently_wrong
from medxfer.ui.results.images import draw_images
from medxfer.ui.results.judging import Result
from medxfer.ui.words import count, plain, split_word

WRONG, BARELY = "Confidently wrong", "Barely right"
ALL = "All classes"


def draw_failures(result: Result) -> None:
    """Choose which; the worst first, each opens its heatmap."""
    predictions = result.predictions
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Show", [WRONG, BARELY], default=WRONG, required=True, key=f"{result.key}-kind"
        )
        truth = st.selectbox(
            "Truth", [ALL, *predictions.classes], key=f"{result.key}-truth", width=260
        )
    cls = None if truth == ALL else predictions.classes.index(truth)
    pick = confidently_wrong if kind == WRONG else barely_right
    images = pick(predictions, cls)
    if images.empty:
        what = "called wrongly" if kind == WRONG else "called rightly"
        whose = "" if cls is None else f" of “{plain(truth)}”"
        st.info(f"No {split_word(result.split).lower()} image{whose} was {what}.")
        return
    known = len(predictions.known)
    st.markdown(
        f"**{count(len(images), 'image')} of {known:,} called "
        f"{'wrongly, the most confident' if kind == WRONG else 'rightly, the closest calls'} "
        "first.** Open one to see where the network looked."
    )
    draw_images(result.place, result.run, images, f"{result.key}-{kind}-{cls}")
