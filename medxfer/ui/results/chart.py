"""How a result's figures are drawn: stamped, readable in both themes, to be saved as a picture."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from medxfer.reports.exports import stamped
from medxfer.reports.stamp import Stamp
from medxfer.ui.theme import in_theme


def draw_figure(
    figure: go.Figure, mark: Stamp, *, key: str, file: str, alt: str, **options: Any
) -> None:
    """A figure with its stamp; the camera above it saves `file`.png."""
    st.plotly_chart(
        in_theme(stamped(figure, mark)),
        key=key,
        config={"displaylogo": False, "toImageButtonOptions": {"filename": file}},
        alt=alt,
        **options,
    )
