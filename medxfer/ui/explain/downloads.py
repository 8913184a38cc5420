"""What can be taken away of an explained scan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

from medxfer.explain.overlay import COLOUR_MAPS
from medxfer.paths import Workspace
from medxfer.reports.scan import Explained, original_png, overlay_png, scan_values
from medxfer.reports.scan_page import scan_html
from medxfer.reports.stamp import stamp
from medxfer.runs.summary import RunSummary
from medxfer.ui.explain.source import Scan
from medxfer.ui.people import noting

if TYPE_CHECKING:
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Answer


def draw_downloads(
    place: Workspace,
    run: RunSummary,
    scan: Scan,
    said: Answer,
    heat: Explanation,
    checks: Faithfulness | None,
) -> None:
    """A page with everything, the two pictures, and the figures; each carries its stamp."""
    explained = Explained(scan.name, scan.pixels, scan.notes, said, heat, checks)
    mark = stamp(run)
    name = f"{run.run}-{scan.digest[:8]}-{heat.method}-{heat.target}"
    with st.popover("Download", icon=":material/download:"):
        colour_map = st.selectbox(
            "Colours of the heatmap", list(COLOUR_MAPS), format_func=str.capitalize,
            key="explain-colours",
        )  # fmt: skip
        offered = (
            ("Page with everything (HTML)", "html", "text/html",
             lambda: scan_html(explained, mark, colour_map)),
            ("Picture under the heatmap (PNG)", "png", "image/png",
             lambda: overlay_png(explained, mark, colour_map)),
            ("Picture alone (PNG)", "original.png", "image/png",
             lambda: original_png(explained, mark)),
            ("Figures (JSON)", "json", "application/json",
             lambda: json.dumps(scan_values(explained, mark), indent=2, ensure_ascii=False)),
        )  # fmt: skip
        for label, ending, kind, made in offered:
            st.download_button(
                label, data=noting(place, f"{label}, run {run.run}", made),
                file_name=f"{name}.{ending}", mime=kind, on_click="ignore",
                icon=":material/download:", key=f"explain-download-{ending}",
            )  # fmt: skip
