"""Asking a network about many images: in a process of its own where the answer is kept with the
run, else while the person waits; step, time left, and a way out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from medxfer.errors import MedxferError
from medxfer.events import Tell
from medxfer.executors.local import spawn
from medxfer.job import ACTIVE
from medxfer.paths import Workspace
from medxfer.runs.job import Kind, RunJob
from medxfer.ui import jobs
from medxfer.ui.frame import show_problem
from medxfer.ui.words import duration, number

_DRAW_SECONDS = 0.3
_FIRST_GUESS_SECONDS = 2
_REMEMBERED = 8
_PURPOSE = {
    Kind.PREDICTIONS: "The network is being asked about the images.",
    Kind.EXTERNAL: "The network is being asked about the other data set.",
    Kind.HEATMAPS: "The heatmaps are being checked.",
    Kind.FAMILIARITY: "It is being found out which scans are familiar, which is needed once.",
}


def begin(job: RunJob) -> None:
    """Start what was asked for, in a process of its own, and draw the page anew."""
    spawn(job.arguments, job.log)
    st.rerun()


def is_asked(place: Workspace, run: str) -> bool:
    """Whether the run's network is busy with such work; one thing at a time."""
    return RunJob(place, run).state() in ACTIVE


def draw_asking(place: Workspace, run: str) -> bool:
    """What the run's network is being asked, or why that ended badly; whether it is under way.

    A failure stays until someone closes it, or asks again.
    """
    job = RunJob(place, run)
    state = job.state()
    if state in ACTIVE:
        kind = job.kind
        st.caption(_PURPOSE[kind] if kind else "")
        jobs.draw_progress(job, {}, key="stop-asking")
        return True
    if state in ("failed", "lost", "stopped"):
        with st.container(border=True):
            show_problem(job.error())
            st.button("Close", key="close-asking", on_click=job.forget)
    return False


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
