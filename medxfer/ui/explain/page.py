"""Several scans at once: a line for each, and one of them in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.runs.decisions import Decisions, decisions
from medxfer.runs.summary import RunSummary
from medxfer.ui.explain.insisting import insisted
from medxfer.ui.explain.serving import answering_of, looked, prepare
from medxfer.ui.explain.source import Scan
from medxfer.ui.explain.view import draw_scan
from medxfer.ui.frame import show_problem
from medxfer.ui.words import count, plain

if TYPE_CHECKING:
    from medxfer.runs.answering import Looked

_BAR_FROM = 3
"""Scans from which on looking at them is worth a bar."""


def draw_scans(place: Workspace, run: RunSummary, scans: Sequence[Scan]) -> None:
    """Every scan's answer in a table if there are several, and the chosen one explained.

    A scan that cannot be judged shows its sentence; the others are not affected.
    """
    if not scans or not prepare(place, run.run):
        return
    usable = list(_usable(place, run, scans))
    if not usable:
        return
    decided = decisions(place, run.run)
    chosen = 0
    if len(usable) > 1:
        chosen = _choose([_row(place, run, decided, *one) for one in usable])
    draw_scan(place, run, decided, *usable[chosen])


def _usable(
    place: Workspace, run: RunSummary, scans: Sequence[Scan]
) -> Iterator[tuple[Scan, Looked]]:
    """The scans with what the network makes of them; of the others, why it makes nothing."""
    bar = st.progress(0.0, text="Looking at the scans …") if len(scans) >= _BAR_FROM else None
    for number, scan in enumerate(scans, start=1):
        try:
            yield scan, looked(place, run.run, scan)
        except MedxferError as error:
            st.caption(f"{plain(scan.name)}:")
            show_problem(error)
        if bar is not None:
            bar.progress(number / len(scans), text=f"Looking at scan {number} of {len(scans)}")
    if bar is not None:
        bar.empty()


def _row(
    place: Workspace, run: RunSummary, decided: Decisions, scan: Scan, seen: Looked
) -> dict[str, object]:
    ready = answering_of(place, run.run)
    said = ready.say(seen, decided, insist=insisted(run, scan)).verdict
    if said is None:
        return {"Scan": scan.name, "Prediction": "none: unlike the training scans"}
    called = f"{said.prediction} (a person should look)" if said.uncertain else said.prediction
    probability = said.probabilities[said.called]
    return {"Scan": scan.name, "Prediction": called, "Probability": probability}


def _choose(rows: Sequence[dict[str, object]]) -> int:
    """The place of the row chosen."""
    st.caption(f"{count(len(rows), 'scan')}. Select a row to see its heatmap.")
    table = st.dataframe(
        [{"Probability": None, **row} for row in rows],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="scan-table",
        column_order=("Scan", "Prediction", "Probability"),
        column_config={
            "Probability": st.column_config.ProgressColumn(
                min_value=0, max_value=1, format="percent"
            )
        },
        alt="Uploaded scans with prediction and probability",
    )
    chosen = table.selection.rows
    return chosen[0] if chosen and chosen[0] < len(rows) else 0
