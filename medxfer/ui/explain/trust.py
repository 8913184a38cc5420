"""How far to trust the heatmap: the verdict of its checks first, the figures one click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from medxfer.reports.stamp import Stamp
from medxfer.reports.trust import trust_points, trust_warning
from medxfer.ui.explain.evidence import curves_figure, occlusion_picture
from medxfer.ui.explain.source import Scan
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.words import plain

if TYPE_CHECKING:
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.heatmap import Explanation

_COLOURS = {"well supported": "green", "partly supported": "orange"}


def verdict_words(which: str, found: Faithfulness | None) -> str:
    """The verdict in a line of Markdown, to stand beside the heatmap; None: it is not known yet."""
    if found is None:
        return f"Heatmap of {which}: being checked …"
    return f"Heatmap of {which}: :{_COLOURS.get(found.verdict, 'red')}-badge[{found.verdict}]"


def draw_checks(found: Faithfulness, heat: Explanation, scan: Scan, mark: Stamp) -> None:
    """What each check found, in words, and the figures it goes by."""
    st.markdown("\n".join(f"- {plain(point)}" for point in trust_points(found)))
    if warning := trust_warning(found):
        st.warning(plain(warning), icon=":material/blur_on:")
    st.caption(
        "Well supported: all three. Not supported: neither of the first two. A map that has "
        "nothing to do with the answer is called well supported less than once in 20 times."
    )
    draw_figure(
        curves_figure(found), mark, key="explain-curves", file="deletion-insertion",
        alt="Probability of the class as pixels are removed and given back, hottest first, for "
        "this heatmap, a blob in the centre and random maps",
    )  # fmt: skip
    left, right = st.columns([1, 2])
    with left:
        st.image(occlusion_picture(found, heat, scan), caption="Where covering costs the answer")
    with right:
        _draw_figures(found)


def _draw_figures(found: Faithfulness) -> None:
    rows = {
        "this heatmap": found.own,
        "blob in the centre": found.centre,
        **{f"random map {n}": one for n, one in enumerate(found.random, start=1)},
    }
    st.dataframe(
        [
            {
                "Map": name,
                "Deletion area (small is good)": one.deletion_area,
                "Insertion area (great is good)": one.insertion_area,
                "Gap": one.gap,
            }
            for name, one in rows.items()
        ],
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("Deletion area (small is good)", "Insertion area (great is good)", "Gap")
        },
        alt="Areas below the deletion and insertion curves by map",
    )
