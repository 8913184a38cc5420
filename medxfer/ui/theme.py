"""Colours of figures, so that they belong to the page in both themes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

ASSETS = Path(__file__).resolve().parents[2] / "assets"


SERIES = (
    "#16a394", "#d17a2a", "#5b8fe0", "#d9626f", "#a2952a", "#9a78d6", "#4f97b3", "#cc68ab",
)  # fmt: skip
"""One colour a class or line, the same in both themes: at 3:1 or more against both backgrounds."""
MUTED = "#8a94a6"
"""What stands beside the thing shown: training beside validation, guessing, borders."""
MARK = SERIES[1]
"""What is pointed at: the best epoch, the chosen cell."""


@dataclass(frozen=True)
class Colours:
    """Text, faint lines, background and accent of a theme as `#rrggbb`."""

    text: str
    faint: str
    background: str
    accent: str


DARK = Colours(text="#e4ebf0", faint="#3a4853", background="#10171d", accent="#4cc3b5")
LIGHT = Colours(text="#1a2730", faint="#d3dde2", background="#ffffff", accent="#0b766d")


def colours() -> Colours:
    """The colours of the theme this person's browser shows."""
    return LIGHT if st.context.theme.type == "light" else DARK


def in_theme(figure: go.Figure) -> go.Figure:
    """The figure itself, with all its text as readable as the page's.

    Left alone, Streamlit draws titles, ticks and annotations in a pale grey.
    """
    theme = colours()
    figure.update_layout(font_color=theme.text, legend_font_color=theme.text)
    axis = {"title_font_color": theme.text, "tickfont_color": theme.text, "gridcolor": theme.faint}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_annotations(font_color=theme.text)
    return figure


# Streamlit keeps the choice by the page that was opened first: it is written for all of them.
# The wait is for Streamlit to have changed the theme before the page asks which it is.
_DARK_BY_DEFAULT = """
export default function ({ data, setTriggerValue }) {
  window.medxferRedraw = () => setTriggerValue("switched", true);
  if (window.medxferTheme) return;
  window.medxferTheme = true;
  const ask = window.matchMedia.bind(window);
  const dark = "(prefers-color-scheme: dark)";
  const first = new URL(performance.getEntriesByType("navigation")[0].name).pathname;
  const name = (path) => `stActiveTheme-${path}-v2`;
  const key = name(first);
  const folder = first.slice(0, first.lastIndexOf("/") + 1);
  const keys = [key, ...data.pages.map((page) => name(folder + page))];
  const chosen = localStorage.getItem(key) !== '"System"' || ask(dark).matches;
  window.matchMedia = (query) => ask(query === dark ? "all" : query);
  window.dispatchEvent(new Event("afterprint"));
  if (!chosen) {
    for (const each of keys) localStorage.setItem(each, '"Dark"');
    setTriggerValue("switched", true);
  }
  const set = Storage.prototype.setItem;
  Storage.prototype.setItem = function (item, value) {
    const changed = item === key && this.getItem(key) !== value;
    for (const each of item === key ? keys : [item]) set.call(this, each, value);
    if (changed) setTimeout(() => window.medxferRedraw(), 300);
  };
}
"""

_dark_by_default = st.components.v2.component("medxfer.dark_by_default", js=_DARK_BY_DEFAULT)


def dark_unless_chosen(pages: Sequence[str]) -> None:
    """Show the dark theme until the person picks another in the menu at the top right.

    What they pick holds for all `pages`, which are the last parts of addresses, and draws the
    page anew: its figures have been told the colours of the other theme.

    With a light and a dark theme Streamlit follows the system and has no setting for a default.
    It asks the browser which it is, at the start and after printing; the answer given here is
    dark, and figures already drawn for the other theme are drawn again. Should a later
    Streamlit ask otherwise, the page follows the system again.
    """
    _dark_by_default(data={"pages": list(pages)}, key="dark_by_default", on_switched_change=_redraw)


def _redraw() -> None:
    """Nothing of its own: being called back at all makes the page run again."""
