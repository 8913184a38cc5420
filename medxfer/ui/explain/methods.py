"""One scan by several methods, side by side: where they differ, none is to be believed alone."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from medxfer.errors import MedxferError
from medxfer.explain.overlay import blend, shrunk
from medxfer.paths import Workspace
from medxfer.runs.summary import RunSummary
from medxfer.runs.worth import METHOD_NAMES
from medxfer.ui.explain.choices import heatmap_words
from medxfer.ui.explain.serving import Asked, explained
from medxfer.ui.explain.source import Scan
from medxfer.ui.frame import show_problem

_AT_FIRST = ("gradcam", "gradcam++", "layercam", "xgradcam")
_ACROSS, _SIDE, _OPACITY = 3, 420, 0.5


def draw_methods(
    place: Workspace, run: RunSummary, scan: Scan, asked: Asked, classes: tuple[str, ...]
) -> None:
    """The same class and stage by each method chosen, with the strength before scaling."""
    from medxfer.explain.methods import METHODS, SLOW

    words = {
        name: METHOD_NAMES.get(name, name) + (" (takes seconds)" if name in SLOW else "")
        for name in METHODS
    }
    chosen = st.multiselect(
        "Methods", list(words), default=_AT_FIRST, format_func=lambda name: words[name],
        key="explain-methods-chosen",
    )  # fmt: skip
    columns = st.columns(_ACROSS)
    for number, method in enumerate(chosen):
        wanted = replace(asked, method=method)
        with columns[number % _ACROSS]:
            try:
                heat = explained(place, run.run, scan, wanted)
            except MedxferError as error:
                show_problem(error)
                continue
            st.image(
                shrunk(blend(scan.pixels, heat.heatmap, _OPACITY), _SIDE),
                caption=f"{heatmap_words(classes, wanted)}: strongest evidence "
                f"{heat.raw_maximum:.3g}",
                output_format="JPEG",
            )
    st.caption(
        "Strongest evidence is the figure before scaling, each method in units of its own: compare "
        "it between scans, not between methods."
    )
