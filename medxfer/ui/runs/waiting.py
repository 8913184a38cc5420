"""A run that waits in the queue: its place, what runs before it, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxfer.errors import MedxferError
from medxfer.executors import local, presence
from medxfer.paths import Workspace
from medxfer.runs import queue
from medxfer.runs.queue import Job, Move
from medxfer.runs.store import load_run
from medxfer.ui.runs.choice import RUN_PAGE, run_label
from medxfer.ui.words import plain


def draw_waiting(place: Workspace, run: str) -> None:
    """Its place in words, the runs under way, and the ways to change that."""
    st.badge("Waiting", icon=":material/hourglass:", color="gray")
    jobs = queue.jobs(place)
    order = [job.run for job in jobs if job.slot is None]
    st.markdown(place_in_words(run, jobs))
    for job in jobs:
        if job.slot is not None and job.run != run:
            _draw_link(place, job.run)
    draw_no_worker(place)
    if run not in order:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Move up",
            icon=":material/arrow_upward:",
            key="run-up",
            disabled=order[0] == run,
            on_click=_move_up,
            args=(place, run),
        )
        st.button(
            "Cancel", icon=":material/close:", key="run-cancel", on_click=_cancel, args=(place, run)
        )
        st.caption("You can close this page; the run begins when its turn comes.")


def place_in_words(run: str, jobs: Sequence[Job]) -> str:
    """Where a waiting run stands in the queue, in a sentence."""
    order = [job.run for job in jobs if job.slot is None]
    if run not in order:
        return "It is just beginning."
    ahead = any(job.slot is not None for job in jobs)
    if order[0] == run:
        return (
            "**Yours is next in the queue.** It begins when the device is free."
            if ahead
            else "**Yours is next in the queue** and begins in a moment."
        )
    return f"**Yours is number {order.index(run) + 1} in the queue** of {len(order)}."


def draw_no_worker(place: Workspace) -> None:
    """Say that nothing starts waiting runs, and how to mend it; nothing if something does."""
    if presence.is_alive(place):
        return
    with st.container(border=True):
        st.markdown(
            ":material/warning: **The worker is not running, so no waiting run begins.** It starts "
            "the runs of the queue, and keeps its own log in supervisor.log of the workspace."
        )
        st.button(
            "Start the worker",
            type="primary",
            icon=":material/play_arrow:",
            key="start-worker",
            on_click=local.wake,
            args=(place,),
        )


def _draw_link(place: Workspace, run: str) -> None:
    try:
        label = run_label(load_run(place, run).summary)
    except MedxferError:
        return
    st.page_link(
        RUN_PAGE,
        label=f"Before it: {plain(label)}",
        icon=":material/show_chart:",
        query_params={"run": run},
    )


def _move_up(place: Workspace, run: str) -> None:
    if run in queue.waiting(place):  # it may have begun since the page was drawn
        queue.move(place, run, Move.UP)


def _cancel(place: Workspace, run: str) -> None:
    local.stop(place, run)
