"""One scan on screen: is it familiar, what is it called, where the network looked, how far to
trust that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.reports.stamp import stamp
from medxfer.runs.decisions import Decisions
from medxfer.runs.summary import RunSummary
from medxfer.runs.worth import METHOD_NAMES
from medxfer.ui.explain.answers import (
    draw_agreement,
    draw_decided,
    draw_heading,
    draw_notes,
    draw_probabilities,
)
from medxfer.ui.explain.choices import choose_heatmap, heatmap_words
from medxfer.ui.explain.downloads import draw_downloads
from medxfer.ui.explain.insisting import draw_familiarity, draw_refusal, insisted
from medxfer.ui.explain.methods import draw_methods
from medxfer.ui.explain.pictures import display_of
from medxfer.ui.explain.serving import (
    Asked,
    answering_of,
    checked,
    explained,
    kept_checks,
    moved,
)
from medxfer.ui.explain.similar import draw_similar
from medxfer.ui.explain.source import Scan
from medxfer.ui.explain.trust import draw_checks, verdict_words
from medxfer.ui.results.asking import Bar
from medxfer.ui.viewer.component import draw_viewer
from medxfer.ui.words import plain

if TYPE_CHECKING:
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Answer, Looked


def draw_scan(
    place: Workspace, run: RunSummary, decided: Decisions, scan: Scan, seen: Looked
) -> None:
    """Everything about one scan; what takes seconds comes last, beside the picture already there.

    An unfamiliar scan is shown without prediction or heatmap until the person insists.
    """
    ready = answering_of(place, run.run)
    insist = insisted(run, scan)
    said = ready.say(seen, decided, insist=insist)
    if said.verdict is None:
        draw_notes(scan)
        draw_refusal(run, scan, said)
        draw_viewer(display_of(None, scan), key="viewer")
        _draw_similar(place, run, scan, said)
        return
    left, right = st.columns([3, 2])
    with left:
        draw_heading(said.verdict, scan)
        draw_familiarity(said)
        agreement = st.empty()
        draw_decided(said.verdict)
        draw_notes(scan)
    with right:
        draw_probabilities(said.verdict)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            verdict, bar = st.empty(), st.empty()
        asked = choose_heatmap(said.verdict)
    which = heatmap_words(said.verdict.classes, asked)
    verdict.markdown(verdict_words(which, kept_checks(run.run, scan, asked)))
    heat = explained(place, run.run, scan, asked)
    draw_viewer(display_of(heat, scan), key="viewer")
    st.caption(
        "A heatmap shows where the network looked, not why, and not that it is right. A wrong "
        "answer has a heatmap too. The network sees only the outlined square; what lies outside "
        f"cannot change its answer. {_strength(heat)}"
    )
    _draw_similar(place, run, scan, said)
    evidence = st.expander(
        "How this heatmap was checked", icon=":material/fact_check:", key="explain-evidence"
    )
    several = st.expander(
        "Several methods side by side", icon=":material/view_column:", key="explain-several",
        on_change="rerun",
    )  # fmt: skip
    if several.open:
        with several:
            draw_methods(place, run, scan, asked, said.verdict.classes)
    exports = st.container()
    said = ready.say(seen, decided, moved(place, run.run, scan), insist=insist)
    if said.verdict is not None:
        with agreement.container():
            draw_agreement(said.verdict)
    found = None
    try:
        found = _checked(place, run, scan, asked, heat, bar)
        verdict.markdown(verdict_words(which, found))
        with evidence:
            draw_checks(found, heat, scan, stamp(run))
    except MedxferError as error:
        verdict.markdown(f"Heatmap of {which}: not checked. {plain(error)}")
        with evidence:
            st.caption("The checks could not be made.")
    with exports:
        draw_downloads(place, run, scan, said, heat, found)


def _checked(
    place: Workspace,
    run: RunSummary,
    scan: Scan,
    asked: Asked,
    heat: Explanation,
    line: DeltaGenerator,
) -> Faithfulness:
    """The checks, with a bar in the line while they are made; raises as `checked`."""
    found = kept_checks(run.run, scan, asked)
    if found is not None:
        return found
    bar = line.progress(0.0, text="Checking the heatmap …")
    try:
        return checked(place, run.run, scan, asked, heat, Bar(bar.progress))
    finally:
        line.empty()


def _draw_similar(place: Workspace, run: RunSummary, scan: Scan, said: Answer) -> None:
    if said.familiarity is not None and said.familiarity.similar:
        similar, answered = said.familiarity.similar, said.verdict is not None
        draw_similar(place, run, scan, similar, with_labels=answered)


def _strength(heat: Explanation) -> str:
    name = plain(heat.classes[heat.target])
    if heat.raw_maximum <= 0:
        method = METHOD_NAMES.get(heat.method, heat.method)
        return (
            f"{method} finds nothing that raises {name}, so this map is empty. Another method may "
            "show one."
        )
    return (
        f"Strongest evidence before scaling: {heat.raw_maximum:.3g}; the colours are scaled to "
        "it, so compare this figure, not the brightness, between images."
    )
