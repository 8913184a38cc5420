"""Pictures that may show names: looked at by a person, who says so."""

from __future__ import annotations

from math import ceil

import streamlit as st

from medxfer.data.library import DatasetInfo, confirm_names
from medxfer.data.manifest import MAY_SHOW_NAMES
from medxfer.paths import Workspace
from medxfer.ui.data.image import open_image
from medxfer.ui.data.images import tiles_of
from medxfer.ui.data.table import manifest_of
from medxfer.ui.frame import boundary
from medxfer.ui.gallery import gallery
from medxfer.ui.words import count

_PAGE = 12


def draw_names(place: Workspace, info: DatasetInfo) -> None:
    """What waits to be looked at; nothing where no picture does, or a person has looked."""
    if not info.may_show_names or info.names_looked_at:
        return
    pictures = count(info.may_show_names, "picture")
    with st.expander(f"Not looked at yet: {pictures} that may show names or dates"):
        _draw_pictures(place, info)
        st.caption(
            "A name in a picture goes wherever the picture goes: into heatmaps, contact sheets and "
            "downloads. Exclude a picture that shows one, or replace the file and import again."
        )
        if st.button(
            f"I have looked at all {pictures}, and none in use shows a name",
            icon=":material/visibility:",
            key=f"names-{info.name}",
        ):
            confirm_names(place, info.name)
            st.rerun()


@st.fragment
@boundary()
def _draw_pictures(place: Workspace, info: DatasetInfo) -> None:
    """A page of them; a click opens one large."""
    table = manifest_of(place, info).table
    rows = table[table[MAY_SHOW_NAMES] == "yes"]
    key = f"names-page-{info.name}"
    page = st.session_state.get(key, 1)
    shown = rows.iloc[(page - 1) * _PAGE : page * _PAGE]
    picked = gallery(tiles_of(place, info, shown), key=f"names-gallery-{info.name}")
    if len(rows) > _PAGE:
        st.pagination(ceil(len(rows) / _PAGE), key=key)
    if picked is not None:
        st.query_params["image"] = picked
        open_image(place, info)
