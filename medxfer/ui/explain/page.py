"""Several scans at once: a line for each, and one of them in full."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.runs.decisions import decisions
from medxfer.runs.summary import RunSummary
from medxfer.ui.explain.serving import answer
from medxfer.ui.explain.source import Scan
from medxfer.ui.explain.view import draw_explanation
from medxfer.ui.frame import show_problem
from medxfer.ui.words import count, plain


def draw_scans(place: Workspace, run: RunSummary, scans: Sequence[Scan]) -> None:
    """Every scan's answer in a table if there are several, and the chosen one explained.

    A scan that cannot be judged shows its sentence; the others are not affected.
    """
    if not scans:
        return
    decided = decisions(place, run.run)
    usable, rows = [], []
    for scan in scans:
        try:
            said = answer(place, run.run, scan.digest, scan.pixels, decided)
        except MedxferError as error:
            st.caption(f"{plain(scan.name)}:")
            show_problem(error)
            continue
        usable.append((scan, said))
        probability = said.probabilities[said.called]
        called = f"{said.prediction} (a person should look)" if said.uncertain else said.prediction
        rows.append({"Scan": scan.name, "Prediction": called, "Probability": probability})
    if not usable:
        return
    scan, said = usable[_choose(rows) if len(usable) > 1 else 0]
    draw_explanation(place, run, scan, said)


def _choose(rows: Sequence[dict[str, object]]) -> int:
    """The place of the row chosen."""
    st.caption(f"{count(len(rows), 'scan')}. Select a row to see its heatmap.")
    table = st.dataframe(
        list(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="scan-table",
        column_config={
            "Probability": st.column_config.ProgressColumn(
                min_value=0, max_value=1, format="percent"
            )
        },
        alt="Uploaded scans with prediction and probability",
    )
    chosen = table.selection.rows
    return chosen[0] if chosen and chosen[0] < len(rows) else 0
