"""The training scans most like a scan, with their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from medxfer.data.thumbnails import thumbnail
from medxfer.errors import DataError, MedxferError
from medxfer.paths import Workspace
from medxfer.runs.summary import RunSummary
from medxfer.ui.data.table import manifest_for
from medxfer.ui.explain.source import Scan
from medxfer.ui.gallery import Tile, gallery
from medxfer.ui.runs.choice import EXPLAIN_PAGE
from medxfer.ui.words import count, plain

if TYPE_CHECKING:
    from medxfer.explain.familiarity import Similar


def draw_similar(
    place: Workspace,
    run: RunSummary,
    scan: Scan,
    cases: Sequence[Similar],
    *,
    with_labels: bool,
) -> None:
    """Pictures of the cases; a click explains one.

    Without labels where nothing is predicted: those of the neighbours would be a prediction.
    """
    labels = Counter(case.label for case in cases) if with_labels else Counter()
    told = ", ".join(f"{n} × {plain(label)}" for label, n in labels.most_common())
    st.markdown(
        f"**The {count(len(cases), 'training scan')} most like it, to the network"
        + (f":** {told}" if told else "**")
    )
    st.caption(
        "What they have in common may be the view or the device rather than the finding. Distance "
        "1 is usual between a scan the run knows and its neighbours."
    )
    try:
        picked = gallery(list(_tiles(place, run, scan, cases, with_labels)), key="explain-similar")
    except MedxferError as error:
        st.caption(f"They cannot be shown. {plain(error)}")
        return
    if picked:
        st.session_state.pop("scan-way", None)
        st.switch_page(EXPLAIN_PAGE, query_params={"run": run.run, "image": picked})


def _tiles(
    place: Workspace, run: RunSummary, scan: Scan, cases: Sequence[Similar], with_labels: bool
) -> Iterator[Tile]:
    table = manifest_for(place, run.run).table
    wanted = table[table["image"].isin([case.image for case in cases])]
    rows = {row["image"]: {str(key): row[key] for key in row} for row in wanted.to_dict("records")}
    for case in cases:
        row = rows.get(case.image)
        if row is None:
            continue
        try:
            picture = thumbnail(place, run.data, row)
        except DataError:
            continue
        same = row["sha256"] == scan.digest
        detail = "this very scan" if same else f"distance {case.distance:.1f}"
        yield Tile(case.image, picture, case.label if with_labels else "training scan", detail)
