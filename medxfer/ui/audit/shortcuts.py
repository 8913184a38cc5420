"""Shortcuts: how well the class can be told from what is not anatomy, as whiskers and in words."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from medxfer.audit.record import Audit
from medxfer.ui.audit.cards import records
from medxfer.ui.theme import MUTED, SERIES, colours
from medxfer.ui.words import number, plain

_ROW_HEIGHT = 34
_AXIS_HEIGHT = 60
_WORDS = {
    "blocking": "Must be mended",
    "serious": "Needs care",
    "note": "Worth knowing",
    "": "Not flagged",
}
_COLOURS = [SERIES[3], SERIES[1], SERIES[2], MUTED]


def draw_shortcuts(audit: Audit) -> None:
    """The whiskers of all that was tried, then the flagged ones with what to do."""
    table = audit.tables["shortcuts"]
    tried = table[table["auroc"].notna()]
    if tried.empty:
        why = audit.not_checked.get("shortcuts", "There was nothing to try.")
        st.info(f"**Shortcuts could not be tried.** {plain(why)}", icon=":material/info:")
        return
    flagged = tried[tried["flagged"].astype(bool)]
    st.markdown(
        "A network learns whatever tells the classes apart. Here the class was guessed from each "
        "of these things alone, without looking at any anatomy. 0.5 is guessing, 1 is certain. "
        f"**{number(len(flagged))} of {number(len(tried))} tell more than they should.**"
    )
    st.vega_lite_chart(
        _rows(tried),
        _whiskers(len(tried)),
        alt="AUROC and 95 % interval of each thing that is not anatomy",
    )
    for row in records(flagged):
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                name = plain(row["name"])
                st.markdown(f"**{name[:1].upper()}{name[1:]}**", width="content")
                st.markdown(
                    f"AUROC {row['auroc']:.2f} (95 % interval {row['low']:.2f} to "
                    f"{row['high']:.2f}) · {_WORDS[row['severity']]}"
                )
            if row["example"]:
                st.markdown(f"For example: {plain(row['example'])}.")
            st.caption(f"**What to do.** {plain(row['remedy'])}")
    _draw_rest(audit, table[table["auroc"].isna()])


def _rows(tried: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "What": tried["name"].str[:1].str.upper() + tried["name"].str[1:],
            "AUROC": tried["auroc"].round(3),
            "From": tried["low"].round(3),
            "To": tried["high"].round(3),
            "State": tried["severity"].map(_WORDS),
        }
    )


def _whiskers(rows: int) -> dict[str, object]:
    theme = colours()
    names = {
        "field": "What",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {
            "labelLimit": 330,
            "labelOverlap": False,
            "labelFlush": False,
            "ticks": False,
            "domain": False,
        },
    }
    scale = {"domain": [0.4, 1.0], "clamp": True}
    across = {
        "type": "quantitative",
        "scale": scale,
        "title": "AUROC (0.5 is guessing)",
        "axis": {"values": [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], "format": ".1f"},
    }
    state = {
        "field": "State",
        "type": "nominal",
        "scale": {"domain": list(_WORDS.values()), "range": _COLOURS},
        "legend": {"orient": "top", "title": None, "columns": 2},
    }
    tooltip = [{"field": name} for name in ("What", "AUROC", "From", "To", "State")]
    return {
        "height": rows * _ROW_HEIGHT + _AXIS_HEIGHT,
        "encoding": {"y": names},
        "layer": [
            {
                "data": {"values": [{"at": 0.5, "words": "guessing"}]},
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": theme.text, "opacity": 0.5},
                "encoding": {"x": {"field": "at", **across}, "y": None},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.6},
                "encoding": {
                    "x": {"field": "From", **across},
                    "x2": {"field": "To"},
                    "color": state,
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {"x": {"field": "AUROC", **across}, "color": state, "tooltip": tooltip},
            },
        ],
    }


def _draw_rest(audit: Audit, untried: pd.DataFrame) -> None:
    """What could not be tried, and on how many pictures the figures rest."""
    lines = [f"{plain(row['name'])}: {plain(row['reason'])}" for row in records(untried)]
    lines += [f"{plain(name)}: {plain(why)}" for name, why in audit.left_out.items()]
    if lines:
        with st.expander(f"Not tried ({number(len(lines))})"):
            st.markdown("\n".join(f"- {line}" for line in lines))
    if audit.note:
        st.caption(plain(audit.note))
