"""A page of nothing but the viewer, on arrays the tests know."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

SIDE = 2048
SEEN = (256.0, 128.0, 1920.0, 1792.0)
SCALES = {"ct": (1.0, -1024.0, "HU"), "turned": (-1.0, 4095.0, ""), "float": (0.001, -1.0, "")}
"""Slope, intercept and unit of what the values of a picture mean."""
CLASSES = ("PNEUMONIA", "NORMAL")


def grey(side: int = SIDE) -> NDArray[np.uint16]:
    """12 bits of detail in a 16-bit picture: a slope down, a ripple across, a bright disc."""
    row, column = np.mgrid[:side, :side]
    ripple = 300 * np.sin(column / 40) + 2.0 * (column % 97)
    disc = 900.0 * (np.hypot(row - 0.4 * side, column - 0.6 * side) < side / 8)
    return np.round(500 + 1800 * row / side + ripple + disc).astype(np.uint16)


def colour() -> NDArray[np.uint8]:
    """(300, 400, 3), three slopes that differ."""
    row, column = np.mgrid[:300, :400]
    return np.stack([row * 255 // 299, column * 255 // 399, (row + column) % 256], -1).astype(
        np.uint8
    )


def heat(index: int, side: int = SIDE) -> NDArray[np.float32]:
    """A hill in the lower left, or upper right, of what is seen."""
    row, column = np.mgrid[:512, :512] * (side / 512)
    down, across = ((0.65, 0.35), (0.3, 0.7))[index]
    distance = np.hypot(row - down * side, column - across * side)
    left, top, right, bottom = SEEN
    seen = (column >= left) & (column < right) & (row >= top) & (row < bottom)
    return np.asarray(np.exp(-((distance / 300) ** 2)) * seen, dtype=np.float32)


def display() -> Any:
    """What the address asks for: `?show=grey`, `colour`, `ct` …; the button: another class."""
    from medxfer.ui.viewer.display import Display, HeatLayer

    show = st.query_params.get("show", "grey")
    if show == "colour":
        return Display(name="skin.png", pixels=colour())
    if show == "bare":
        return Display(name="<b>bare</b>.png", pixels=grey(512))
    if show in SCALES:
        slope, intercept, unit = SCALES[show]
        return Display("ct.dcm", grey(512), (1064, 400), scale=(slope, intercept), unit=unit)
    index = st.session_state.setdefault("class", 0)
    layer = HeatLayer(heat(index), CLASSES[index], "strongest at the bottom left of the image")
    return Display(
        name="phantom.dcm",
        pixels=grey() + np.uint16(50 * st.session_state.setdefault("picture", 0)),
        window=(1500, 2000),
        spacing=(0.2, 0.2),
        spacing_note="at the detector",
        laterality="R",
        seen=SEEN,
        heat=layer,
    )


def main() -> None:
    from medxfer.ui.viewer.component import draw_viewer

    st.title("Viewer")
    if st.button("Another class"):
        st.session_state["class"] = 1 - st.session_state.get("class", 0)
    if st.button("Another picture"):
        st.session_state["picture"] = 1 + st.session_state.get("picture", 0)
    draw_viewer(display(), key="viewer")
    st.caption("Below the viewer.")


if __name__ == "__main__":
    main()
