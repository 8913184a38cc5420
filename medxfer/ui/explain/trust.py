"""How far to trust the heatmap: the verdict of its checks first, the figures one click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from medxfer.errors import MedxferError
from medxfer.reports.stamp import Stamp
from medxfer.ui.explain.evidence import curves_figure, occlusion_picture
from medxfer.ui.explain.source import Scan
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.words import plain

if TYPE_CHECKING:
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.heatmap import Explanation

_COLOURS = {"well supported": "green", "partly supported": "orange"}
_CERTAIN = 0.9
"""Probability from which on an answer counts as the network's answer even when blurred."""
_YES, _NO = ":material/check:", ":material/close:"


def draw_pending(which: str) -> None:
    """Before the checks have ended."""
    st.markdown(f"Heatmap of {which}: being checked …")


def draw_verdict(which: str, found: Faithfulness) -> None:
    """The verdict in a line, beside the heatmap it is about."""
    colour = _COLOURS.get(found.verdict, "red")
    st.markdown(f"Heatmap of {which}: :{colour}-badge[{found.verdict}]")


def draw_unchecked(which: str, error: MedxferError) -> None:
    """Where the checks themselves failed."""
    st.markdown(f"Heatmap of {which}: not checked. {plain(error)}")


def draw_checks(found: Faithfulness, heat: Explanation, scan: Scan, mark: Stamp) -> None:
    """The three checks in words, and the figures they go by."""
    for holds, words in _lines(found, heat):
        st.markdown(f"{_YES if holds else _NO} {words}")
    _draw_blurred(found, heat)
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


def _lines(found: Faithfulness, heat: Explanation) -> list[tuple[bool, str]]:
    """Whether each check holds, and what came of it."""
    name = plain(heat.classes[heat.target])
    if found.empty:
        return [(False, f"The map is empty: the method finds nothing that speaks for {name}.")]
    beaten = sum(found.own.gap > other.gap for other in found.random)
    does = "goes" if found.removal_holds else "does not go"
    hot = "is" if found.occlusion_holds else "is not"
    stays = "stays" if found.stable else "does not stay"
    correlation = f"{np.mean(found.stability):.2f}" if found.stability else "not tried"
    return [
        (
            found.removal_holds,
            f"**Removing what it marks.** The answer {does} with the marked places more than with "
            f"others: the gap between the curves is {found.own.gap:.3f}, greater than that of "
            f"{beaten} of {len(found.random)} random maps; a blob in the centre has "
            f"{found.centre.gap:.3f}.",
        ),
        (
            found.occlusion_holds,
            f"**Covering place by place.** The map {hot} hot where covering the scan costs the "
            f"answer: rank correlation {found.agreement:.2f}, which "
            f"{100 * found.by_chance:.0f} % of random maps reach too.",
        ),
        (
            found.stable,
            f"**Moving the scan a little.** The map {stays} on the same places: correlation "
            f"{correlation}, at least 0.7 wanted.",
        ),
    ]


def _draw_blurred(found: Faithfulness, heat: Explanation) -> None:
    """A warning where the answer hardly needs the picture at all."""
    whole, blurred = found.own.deletion[0], found.own.deletion[-1]
    if whole >= _CERTAIN and blurred >= _CERTAIN:
        name = plain(heat.classes[heat.target])
        st.warning(
            f"**The answer hardly needs what the scan shows.** With all of it blurred the network "
            f"still gives {name} {100 * blurred:.0f} %, so no map of single places can explain it.",
            icon=":material/blur_on:",
        )


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
