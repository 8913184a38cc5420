"""Which run a page shows, and how a run is named in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from medxfer.paths import Workspace
from medxfer.runs.store import list_runs
from medxfer.runs.summary import RunState, RunSummary
from medxfer.training.plan import STRATEGIES
from medxfer.ui.words import plain, when

RUN_PAGE = "pages/train/run.py"
RUNS_PAGE = "pages/train/runs.py"
NEW_PAGE = "pages/train/new.py"
RESULT_PAGE = "pages/results/result.py"
COMPARE_PAGE = "pages/results/compare.py"
EXPLAIN_PAGE = "pages/explain/scan.py"

STATE_WORDS = {
    RunState.WAITING: "Waiting",
    RunState.RUNNING: "Training",
    RunState.PAUSED: "Paused",
    RunState.CANCELLED: "Cancelled",
    RunState.FINISHED: "Finished",
    RunState.STOPPED: "Stopped",
    RunState.FAILED: "Failed",
    RunState.LOST: "Needs attention",
}


def strategy_word(name: str) -> str:
    """The strategy's title, or its bare name if this version does not know it."""
    return STRATEGIES[name].title if name in STRATEGIES else name


def weights_word(source: str) -> str:
    """Where the weights came from: "ImageNet", "none", "run …" or the file's name."""
    if source == "imagenet":
        return "ImageNet"
    if source.startswith("run:"):
        return f"run {source.removeprefix('run:')}"
    return source.rsplit("/", 1)[-1]


def run_label(run: RunSummary) -> str:
    """A run in one line, for lists to choose from."""
    parts = [run.data, f"ResNet-{run.depth}", strategy_word(run.strategy), when(run.created)]
    if not run.state.ended:
        # A list is drawn once: what exactly the run does now stands on its page.
        parts.append("under way")
    elif run.state is not RunState.FINISHED:
        parts.append(STATE_WORDS[run.state].lower())
    return " · ".join(parts)


def distinct_labels(
    runs: Iterable[RunSummary], label: Callable[[RunSummary], str] = run_label
) -> dict[str, str]:
    """A line for each run, by its id; those that would read alike have the id behind it.

    The browser answers with the line: two that are alike would open the wrong run.
    """
    labels = {run.run: label(run) for run in runs}
    often = Counter(labels.values())
    return {
        run: words if often[words] == 1 else f"{words} · {run}" for run, words in labels.items()
    }


def choose_run(place: Workspace, *, with_model: bool) -> RunSummary | None:
    """The run named by `?run=`, else the newest one; None after saying why there is none.

    `with_model`: only runs that ended with a model are offered.
    """
    everything = list_runs(place)
    offered = [run for run in everything if run.has_model] if with_model else everything
    wanted = st.query_params.get("run", "")
    chosen = _named(wanted, everything) if wanted else next(iter(offered), None)
    if chosen is None:
        _say_nothing_to_show(wanted, everything)
        return None
    if chosen not in offered:
        _say_no_model(chosen)
        return None
    _offer(chosen, offered)
    st.query_params["run"] = chosen.run
    return chosen


def _named(wanted: str, runs: Sequence[RunSummary]) -> RunSummary | None:
    return next((run for run in runs if run.run == wanted), None)


def _offer(chosen: RunSummary, offered: Sequence[RunSummary]) -> None:
    labels = distinct_labels(offered)
    key = "run-choice"
    # The address is what counts: a link to another run moves the box along.
    st.session_state[key] = chosen.run
    st.selectbox(
        "Run",
        list(labels),
        format_func=lambda run: labels.get(run, run),
        key=key,
        on_change=_chosen,
    )


def _chosen() -> None:
    run = st.session_state["run-choice"]
    st.query_params.clear()
    st.query_params["run"] = run


def _say_nothing_to_show(wanted: str, runs: Sequence[RunSummary]) -> None:
    if wanted:
        st.warning(
            f"**There is no run called “{plain(wanted)}” in this workspace.** It may have been "
            "deleted, or the link is from another workspace.",
            icon=":material/info:",
        )
        st.page_link(RUNS_PAGE, label="See all runs", icon=":material/list:")
        return
    if any(not run.state.ended for run in runs):
        st.info("**No run has finished yet.** One is on its way.", icon=":material/hourglass:")
        st.page_link(RUNS_PAGE, label="Watch it", icon=":material/show_chart:")
        return
    st.info("**There is no trained model yet.** Train one first.", icon=":material/info:")
    st.page_link(NEW_PAGE, label="Train a model", icon=":material/model_training:")


def _say_no_model(run: RunSummary) -> None:
    words = {
        RunState.WAITING: "has not begun yet",
        RunState.RUNNING: "is still training",
    }.get(run.state, "ended before it had learned anything")
    st.info(
        f"**This run {words}, so there is no model to look at.** ({plain(run_label(run))})",
        icon=":material/info:",
    )
    st.page_link(
        RUN_PAGE, label="Open the run", icon=":material/show_chart:", query_params={"run": run.run}
    )
