"""One run as it goes on: its state, progress and curves, kept up to date."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from medxfer.data.manifest import Split
from medxfer.events import Died, Preparing
from medxfer.executors import local, presence
from medxfer.paths import Workspace
from medxfer.runs import queue
from medxfer.runs.store import Run, load_run
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.frame import boundary
from medxfer.ui.people import who
from medxfer.ui.runs.charts import draw_training
from medxfer.ui.runs.ending import draw_ending
from medxfer.ui.runs.live import EventTail, Live, state_now
from medxfer.ui.runs.settings import draw_settings
from medxfer.ui.runs.waiting import draw_waiting
from medxfer.ui.words import duration, number, plain, size, split_word

_REFRESH_SECONDS = 1.5
_EVALUATED = (str(Split.VALIDATION), str(Split.TEST))
_FAST = 10
"""Images a second from which on decimals say nothing."""


def draw_run(place: Workspace, summary: RunSummary) -> None:
    """The whole run; while it is going on, its moving part refreshes itself."""
    run = load_run(place, summary.run)
    tail = _tail(run.paths.events)
    state = state_now(tail, run.paths, summary.created)
    if state.ended and not _is_looked_into(place, summary.run, state, tail.live):
        live = tail.read()
        draw_ending(place, run, live)
        _draw_curves(live, summary.run, ended=True)
        _draw_notes(live, ended=True)
    else:
        st.fragment(_draw_moving, run_every=_REFRESH_SECONDS)(place, run)
    draw_settings(run, tail.live)


@boundary()
def _draw_moving(place: Workspace, run: Run) -> None:
    tail = _tail(run.paths.events)
    state = state_now(tail, run.paths, run.summary.created)
    if _is_looked_into(place, run.summary.run, state, tail.live):
        st.badge("Interrupted", icon=":material/link_off:", color="orange")
        st.markdown("Its process has ended without a word. The worker finds out why.")
        return
    if state.ended:
        # The last refresh: the page is drawn once more, whole, and then stands still.
        st.rerun()
    if state is RunState.WAITING and run.paths.queued.exists():
        draw_waiting(place, run.summary.run)
        _draw_notes(tail.live, ended=False)
        return
    stopping = run.paths.stop_request.exists()
    _draw_state(state, tail.live, stopping)
    _draw_progress(tail.live, stopping)
    _draw_stop(place, run.summary.run, tail.live, stopping)
    _draw_curves(tail.live, run.summary.run, ended=False)
    _draw_notes(tail.live, ended=False)


def _tail(events: Path) -> EventTail:
    """The run's events; this session reads each byte of them once."""
    tail: EventTail | None = st.session_state.get("run-tail")
    if tail is None or tail.path != events:
        tail = st.session_state["run-tail"] = EventTail(events)
    return tail


def _is_looked_into(place: Workspace, run: str, state: RunState, live: Live) -> bool:
    """Whether the supervisor is about to tell how the run's process ended, or to start another."""
    if state is not RunState.LOST or isinstance(live.ending, Died):
        return False
    return presence.is_alive(place) and any(job.run == run for job in queue.jobs(place))


def _draw_state(state: RunState, live: Live, stopping: bool) -> None:
    if _is_evaluated(live):
        st.badge("Evaluating", icon=":material/grid_on:", color="blue")
    elif stopping:
        st.badge("Stopping", icon=":material/stop_circle:", color="orange")
    elif state is RunState.WAITING:
        st.badge("Waiting", icon=":material/hourglass:", color="gray")
    elif live.started is None or live.ending is not None:
        st.badge("Starting", icon=":material/hourglass:", color="blue")
    elif live.preparing:
        st.badge("Preparing", icon=":material/inventory_2:", color="blue")
    else:
        st.badge("Training", icon=":material/play_circle:", color="green")


def _draw_progress(live: Live, stopping: bool) -> None:
    if _is_evaluated(live):
        st.progress(len(live.predictions) / len(_EVALUATED), text=_evaluating(live))
        if live.preparing:
            _draw_preparing(live.preparing)
        return
    if stopping:
        return
    if live.started is None or live.ending is not None:
        st.progress(live.fraction, text="Loading the image list and the network.")
        return
    st.progress(live.fraction, text=_overall(live))
    progress = live.progress
    if live.preparing:
        _draw_preparing(live.preparing)
    else:
        within = progress.batch / max(progress.batches, 1) if progress else 0.0
        st.progress(min(within, 1.0), text=_within(live))
    left = progress.seconds_left if progress else None
    with st.container(horizontal=True):
        if speed := live.speed:
            st.metric("Time left", duration(left) if left is not None else "–", width=150)
            st.metric("Images a second", _speed(speed.images_per_second), width=150)
            st.metric("Memory", size(speed.memory), width=150)
        st.metric("Device", live.started.device, width="content")


def _draw_preparing(preparing: Preparing) -> None:
    part = preparing.done / max(preparing.total, 1)
    st.progress(min(part, 1.0), text=_doing_once(preparing))


def _doing_once(preparing: Preparing) -> str:
    """What is done once before epochs can begin, and how far it is."""
    of = f"{number(preparing.done)} of {number(preparing.total)}"
    match preparing.step:
        case "weights":
            text = f"Fetching weights: {size(preparing.done)} of {size(preparing.total)}"
        case "pixels":
            text = f"Decoding images: {of}"
        case "features":
            text = f"Computing what the frozen stages see: {of} views"
    if preparing.seconds_left is None:
        return text
    return f"{text} (about {duration(preparing.seconds_left)} left)"


def _speed(images: float) -> str:
    return number(images) if images >= _FAST else f"{images:.1f}"


def _overall(live: Live) -> str:
    if live.preparing:
        text = f"Before epoch {len(live.epochs) + 1} of {live.planned_epochs}"
    else:
        epoch = live.progress.epoch if live.progress else max(len(live.epochs), 1)
        text = f"Epoch {epoch} of {live.planned_epochs}"
    if live.phase and len(live.plan) > 1:
        text += (
            f" · phase {live.phases[-1].phase + 1} of {len(live.plan)}: {plain(live.phase.name)}"
        )
    return text


def _is_evaluated(live: Live) -> bool:
    """Whether training is over and the best epoch is being asked about every image."""
    return live.fitted is not None and live.fitted.best_epoch is not None


def _evaluating(live: Live) -> str:
    done = [saved.split for saved in live.predictions]
    waiting = [split for split in _EVALUATED if split not in done]
    text = "Evaluating the best epoch"
    if done:
        text += f"; {' and '.join(split_word(split).lower() for split in done)} done"
    if done and waiting:
        text += f", {split_word(waiting[0]).lower()} next"
    return text


def _within(live: Live) -> str:
    if live.progress is None:
        return "Between two epochs" if live.epochs else "Starting"
    doing = "Learning" if live.progress.step == "train" else "Looking at the validation images"
    return f"{doing}: batch {live.progress.batch} of {live.progress.batches}"


def _draw_stop(place: Workspace, run: str, live: Live, stopping: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Stop",
            icon=":material/stop_circle:",
            key="run-stop",
            disabled=stopping or live.fitted is not None,
            on_click=lambda: _stop(place, run),
        )
        if _is_evaluated(live):
            st.caption("Training is over; what it learned is kept.")
        elif live.preparing:
            kept = "What was computed and learned is kept."
            st.caption(f"Stopping. {kept}" if stopping else f"Stops at once. {kept}")
        elif stopping:
            st.caption("Stopping at the next batch. What it has learned is kept.")
        else:
            st.caption("Stops at the next batch and keeps what was learned.")


def _stop(place: Workspace, run: str) -> None:
    local.stop(place, run, by=who())


def _draw_curves(live: Live, run: str, *, ended: bool) -> None:
    if ended and not live.epochs:
        st.caption("It ended before its first epoch did, so there are no curves.")
        return
    if live.started is None and not live.epochs:
        return
    if not live.epochs and not live.batches:
        st.caption("The curves begin with the first batches.")
        return
    draw_training(live, key=f"curves-{run}")
    if best := live.best:
        so_far = "" if ended else " so far"
        st.caption(
            f"Diamond: best epoch{so_far}, {best.epoch} of {len(live.epochs)} done. "
            "Train is measured while learning, on varied images and with dropout, so it can "
            "look worse than validation. The thin line is the loss of single batches."
        )


def _draw_notes(live: Live, *, ended: bool) -> None:
    for death in live.deaths:
        if not ended or death is not live.ending:
            st.warning(
                f"**This run was interrupted.** {plain(death.problem)}",
                icon=":material/warning:",
            )
    for note in live.notes:
        if note.level == "warning":
            st.warning(plain(note.text), icon=":material/warning:")
    for note in live.notes:
        if note.level == "info":
            st.caption(f":material/info: {plain(note.text)}")
