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
from medxfer.ui.people import who
from medxfer.ui.runs.choice import RUN_PAGE
from medxfer.ui.words import plain, when


def draw_waiting(place: Workspace, run: str) -> None:
    """Its place in words, the runs under way, and the ways to change that."""
    st.badge("Waiting", icon=":material/hourglass:", color="gray")
    jobs = queue.jobs(place)
    order = [job.run for job in jobs if job.slot is None]
    st.markdown(place_in_words(run, jobs))
    for job in jobs:
        if job.slot is not None and job.run != run:
            _draw_running(place, job.run)
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
    return f"**Yours is number {order.index(run) + 1} in the queue** of {len(order)} waiting runs."


def draw_no_worker(place: Workspace) -> None:
    """Say that nothing starts waiting runs, and how to mend it; nothing if something does."""
    if presence.is_alive(place):
        return
    with st.container(border=True):
        st.markdown(
            ":material/warning: **The worker is not running, so no waiting run begins.** It is the "
            "process that starts the runs of the queue; supervisor.log in the workspace may say "
            "why it ended."
        )
        st.button(
            "Start the worker",
            type="primary",
            icon=":material/play_arrow:",
            key="start-worker",
            on_click=local.wake,
            args=(place,),
        )


def _draw_running(place: Workspace, run: str) -> None:
    """A way to the run that has the device; a link to the page one is on would look chosen."""
    try:
        line = load_run(place, run).summary
    except MedxferError:
        return
    words = f"ResNet-{line.depth} on {plain(line.data)}, of {when(line.created)}"
    if st.button(
        f"Running now: {words}", type="tertiary", icon=":material/show_chart:", key=f"watch-{run}"
    ):
        st.switch_page(RUN_PAGE, query_params={"run": run})


def _move_up(place: Workspace, run: str) -> None:
    if run in queue.waiting(place):  # it may have begun since the page was drawn
        queue.move(place, run, Move.UP)


def _cancel(place: Workspace, run: str) -> None:
    local.stop(place, run, by=who())
