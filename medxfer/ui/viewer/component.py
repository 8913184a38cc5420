"""The viewer on the page: its arrays, each sent once, and the component that shows them.

HTML, CSS and JavaScript lie in `static/` and need no build and no network. Windowing, zoom and
overlay happen in the browser and send nothing back.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from medxfer.ui.viewer.display import Display, Parcel, pack_heat, pack_picture, settings

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = ("grey", "place", "drawing", "words", "panes", "actions", "pointer", "viewer")
"""Parts of one module, in the order in which they are joined."""


def draw_viewer(display: Display, key: str) -> None:
    """Draw the viewer; what the person has set stays until another picture is shown.

    Picture and heatmap travel as elements of their own, so that Streamlit sends each again only
    when it has changed: another class brings a heatmap, not the picture.
    """
    parcels = {"picture": pack_picture(display)}
    if display.heat is not None:
        parcels["heat"] = pack_heat(display.heat)
    labels = {part: {"name": f"{key}-{part}", **parcels[part].label} for part in parcels}
    with st.container(gap=None):
        _viewer(data=settings(display) | {"arrays": labels}, key=key)
        for part, parcel in parcels.items():
            _array(data=Parcel(labels[part], parcel.content).payload, key=f"{key}-{part}")


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


_viewer = st.components.v2.component(
    "medxfer.viewer",
    html=_read("viewer.html"),
    css=_read("viewer.css"),
    js="\n".join(_read(f"{name}.js") for name in _SCRIPTS),
)
_array = st.components.v2.component("medxfer.array", js=_read("array.js"))
