"""How a run ended, in a sentence, and the one thing to do next."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from medxfer.events import Died, Failed, Paused
from medxfer.executors.local import resume, why_not_resumed
from medxfer.paths import Workspace
from medxfer.runs.store import Run
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.frame import boundary
from medxfer.ui.people import who
from medxfer.ui.runs.choice import NEW_PAGE, RESULT_PAGE
from medxfer.ui.runs.delete import confirm_delete_run
from medxfer.ui.runs.live import Live
from medxfer.ui.words import count, duration, plain


def draw_ending(place: Workspace, run: Run, live: Live) -> None:
    """The state, what came of the run, and the way on."""
    line = run.summary
    _badge(line.state)
    match line.state:
        case RunState.FAILED:
            _draw_failure(line, live)
        case RunState.LOST:
            _draw_loss(live)
        case RunState.PAUSED:
            _draw_pause(line, live)
        case RunState.CANCELLED:
            st.markdown(_cancelled(live))
        case _:
            st.markdown(_sentence(line, live))
    _draw_best(line, live)
    with st.container(horizontal=True):
        _draw_ways_on(place, run)


def _draw_ways_on(place: Workspace, run: Run) -> None:
    """One main button: what a person in this state most likely wants next."""
    line = run.summary
    can_go_on = why_not_resumed(place, run) is None
    stands_still = line.state is RunState.FAILED or line.state.can_go_on
    going_on = can_go_on and stands_still
    if going_on:
        _draw_continue(place, line, "Continue", "primary")
    if stands_still and st.button(
        "Start a new run",
        type="secondary" if going_on else "primary",
        icon=":material/model_training:",
    ):
        st.switch_page(NEW_PAGE, query_params={"data": line.data})
    if line.has_model and st.button(
        "See the results",
        type="secondary" if stands_still else "primary",
        icon=":material/grid_on:",
    ):
        st.switch_page(RESULT_PAGE, query_params={"run": line.run})
    if can_go_on and not going_on:
        _draw_continue(place, line, "Continue training", "secondary")
    if st.button("Delete this run", type="tertiary", icon=":material/delete:"):
        confirm_delete_run(place, line)


def _draw_continue(
    place: Workspace, run: RunSummary, label: str, kind: Literal["primary", "secondary"]
) -> None:
    def go_on() -> None:
        # The next drawing finds it waiting; what cannot be done is said there.
        with boundary():
            resume(place, run.run, by=who())

    st.button(
        label,
        type=kind,
        icon=":material/resume:",
        key="run-continue",
        on_click=go_on,
        help="It goes on from its last saved epoch when its turn comes."
        if run.epochs
        else "It begins when its turn comes.",
    )


def _badge(state: RunState) -> None:
    match state:
        case RunState.FINISHED:
            st.badge("Finished", icon=":material/check_circle:", color="green")
        case RunState.PAUSED:
            st.badge("Paused", icon=":material/pause_circle:", color="orange")
        case RunState.CANCELLED:
            st.badge("Cancelled", icon=":material/block:", color="gray")
        case RunState.STOPPED:
            st.badge("Stopped", icon=":material/stop_circle:", color="orange")
        case RunState.FAILED:
            st.badge("Failed", icon=":material/error:", color="red")
        case RunState.LOST:
            st.badge("Needs attention", icon=":material/link_off:", color="red")
        case RunState.WAITING | RunState.RUNNING:
            st.badge("Under way", icon=":material/play_circle:", color="green")


def _sentence(run: RunSummary, live: Live) -> str:
    epochs = count(len(live.epochs), "epoch")
    took = f" in {duration(run.seconds)}" if run.seconds else ""
    if run.state is RunState.STOPPED:
        if run.best_epoch is None:
            return (
                "You stopped it before its first epoch had ended. The network is kept as it was "
                "then; do not rely on it."
            )
        return f"You stopped it after {epochs}{took}. What it had learned is kept."
    if live.fitted and live.fitted.reason == "early_stopping":
        return f"Done after {epochs}{took}: more training brought nothing better."
    return f"Done after {epochs}{took}."


def _draw_failure(run: RunSummary, live: Live) -> None:
    failed = live.ending if isinstance(live.ending, Failed) else None
    problem = failed.problem if failed else run.problem or "The run could not go on."
    text = f"**{plain(problem)}**"
    if failed and failed.remedy:
        text += f"\n\n{plain(failed.remedy)}"
    if failed and failed.error_id:
        text += f"\n\nError `{plain(failed.error_id)}`; details are in the run's worker.log."
    st.error(text, icon=":material/error:")


def _draw_loss(live: Live) -> None:
    died = live.ending if isinstance(live.ending, Died) else None
    problem = died.problem if died else (
        "The process that trained this run is gone. It did not say why: the computer may have been "
        "switched off, or the memory may have run out."
    )  # fmt: skip
    text = f"**{plain(problem)}** {_done(live)}"
    if died and died.remedy:
        text += f"\n\n{plain(died.remedy)}"
    st.error(text, icon=":material/link_off:")


def _draw_pause(run: RunSummary, live: Live) -> None:
    paused = live.ending if isinstance(live.ending, Paused) else None
    problem = paused.problem if paused else run.problem or "The run stands still."
    text = f"**{plain(problem)}** {_done(live)}"
    if paused and paused.remedy:
        text += f"\n\n{plain(paused.remedy)}"
    st.warning(text, icon=":material/pause_circle:")


def _cancelled(live: Live) -> str:
    if live.started is None:
        return "It was taken out of the queue before it began."
    return f"It was taken out of the queue before it went on. {_done(live)}"


def _done(live: Live) -> str:
    if not live.epochs:
        return "No epoch had been completed."
    return f"{count(len(live.epochs), 'epoch')} had been completed."


def _draw_best(run: RunSummary, live: Live) -> None:
    best = live.best
    if best is None or run.best_epoch is None:
        return
    images = live.started.images.get("val") if live.started else None
    of = f", {count(images, 'validation image')}" if images else ""
    st.caption(f"Best epoch, which is kept: {best.epoch} of {len(live.epochs)}{of}")
    with st.container(horizontal=True):
        for figure, label in (("auroc", "AUROC"), ("accuracy", "Accuracy"), ("loss", "Loss")):
            value = best.validation.get(figure)
            st.metric(label, f"{value:.3f}" if value is not None else "not defined", width=150)
