"""Asking a network about many images while the person waits: step, time left, and a way out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from medxfer.errors import MedxferError
from medxfer.events import Tell
from medxfer.ui.frame import show_problem
from medxfer.ui.words import duration, number

_DRAW_SECONDS = 0.3
_FIRST_GUESS_SECONDS = 2
_REMEMBERED = 8


@st.cache_resource(max_entries=_REMEMBERED, show_spinner=False)
def remembered(key: tuple[object, ...]) -> list[Any]:
    """Where what was asked for under a key is put, to be drawn after; empty until then.

    The least recently used is forgotten when there are many.
    """
    return []


def ask_network(ask: Callable[[Tell], object]) -> None:
    """Do it with a bar, then draw the page anew; what cannot be done says why.

    Any click ends it, as Streamlit then draws the page anew: Stop needs to do nothing more.
    Pictures that were opened until then need not be opened again.
    """
    with st.container(border=True):
        bar = st.progress(0.0, text="Loading the network …")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Stop", icon=":material/stop:", key="stop-asking")
            st.caption("Stay on this page until it is done.", width="stretch")
        try:
            ask(Bar(bar.progress))
        except MedxferError as error:
            show_problem(error)
            return
    st.rerun()


class Bar:
    """Draws how far the work is, a few times a second."""

    def __init__(self, draw: Callable[..., object]) -> None:
        self._draw = draw
        self._step, self._begun, self._due = "", 0.0, 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step != self._step:
            self._step, self._begun, self._due = step, now, 0.0
        if now < self._due and done < total:
            return
        self._due = now + _DRAW_SECONDS
        words = f"{step}: {number(done)} of {number(total)}"
        passed = now - self._begun
        if passed > _FIRST_GUESS_SECONDS and 0 < done < total:
            words += f", about {duration((total - done) * passed / done)} left"
        self._draw(min(done / max(total, 1), 1.0), text=words)
