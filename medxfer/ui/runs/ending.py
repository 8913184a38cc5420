"""How a run ended, in a sentence, and the one thing to do next."""

from __future__ import annotations

import streamlit as st

from medxfer.events import Failed
from medxfer.paths import Workspace
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.runs.choice import NEW_PAGE, RESULT_PAGE
from medxfer.ui.runs.delete import confirm_delete_run
from medxfer.ui.runs.live import Live
from medxfer.ui.words import count, duration, plain


def draw_ending(place: Workspace, run: RunSummary, live: Live) -> None:
    """The state, what came of the run, and the way on."""
    _badge(run.state)
    if run.state is RunState.FAILED:
        _draw_failure(run, live)
    elif run.state is RunState.LOST:
        _draw_loss(live)
    else:
        st.markdown(_sentence(run, live))
    _draw_best(run, live)
    with st.container(horizontal=True):
        _draw_ways_on(place, run)


def _draw_ways_on(place: Workspace, run: RunSummary) -> None:
    failed = run.state in (RunState.FAILED, RunState.LOST)
    if failed and st.button("Start a new run", type="primary", icon=":material/model_training:"):
        st.switch_page(NEW_PAGE, query_params={"data": run.data})
    if run.has_model and st.button(
        "See the results",
        type="secondary" if failed else "primary",
        icon=":material/grid_on:",
    ):
        st.switch_page(RESULT_PAGE, query_params={"run": run.run})
    if st.button("Delete this run", type="tertiary", icon=":material/delete:"):
        confirm_delete_run(place, run)


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
            st.badge("Lost", icon=":material/link_off:", color="red")
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
    done = (
        f"{count(len(live.epochs), 'epoch')} had been completed."
        if live.epochs
        else "No epoch had been completed."
    )
    st.error(
        "**The process that trained this run is gone.** It did not say why: the computer may "
        f"have been switched off, or the memory may have run out. {done}\n\n"
        "Start it again; a smaller batch needs less memory.",
        icon=":material/link_off:",
    )


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
