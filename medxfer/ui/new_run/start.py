"""The summary of a new run and the button that puts it into the queue, once."""

from __future__ import annotations

from secrets import token_hex

import streamlit as st

from medxfer.config import TrainConfig
from medxfer.executors.local import start
from medxfer.paths import Workspace
from medxfer.training.plan import STRATEGIES
from medxfer.training.preflight import check
from medxfer.ui.new_run.form import WEIGHTS_MISSING, Chosen
from medxfer.ui.people import who
from medxfer.ui.runs.choice import RUN_PAGE, weights_word
from medxfer.ui.words import count, duration, plain, size

_REQUEST = "start-request"


def draw_start(place: Workspace, chosen: Chosen) -> None:
    """A bar that stays in sight: what will happen, in a line, and Start."""
    complete = chosen.config.weights != WEIGHTS_MISSING
    row = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    # In a container of its own the line breaks beside the button; by itself it pushes it below.
    words = row.container(width="stretch")
    words.markdown(_summary(chosen) if complete else "Choose the weights first.")
    pressed = row.button(
        "Start training", type="primary", icon=":material/play_arrow:", disabled=not complete
    )
    if pressed:
        _start(place, chosen.config)


def _summary(chosen: Chosen) -> str:
    config = chosen.config
    parts = [
        f"**{plain(chosen.info.name)}**",
        f"ResNet-{int(config.depth)}",
        f"weights {plain(weights_word(config.weights))}",
        STRATEGIES[config.strategy.name].title,
        count(config.epochs, "epoch"),
    ]
    if chosen.need is not None:
        parts.append(
            f"roughly **{_whole(duration(chosen.need.seconds))}** and "
            f"{_whole(size(chosen.need.memory_bytes))} of memory"
        )
    return " · ".join(parts)


def _whole(figure: str) -> str:
    """The figure with its unit, which no line break parts."""
    return figure.replace(" ", "\u00a0")


def _start(place: Workspace, config: TrainConfig) -> None:
    # One id until the run exists: a second click, or a resent page, asks for the same run.
    request = st.session_state.setdefault(_REQUEST, token_hex(16))
    with st.spinner("Checking images and space …"):
        check(place, config, fetch=False)  # weights that must be fetched are left to the run
        run = start(place, config, request_id=request, by=who())
    st.session_state.pop(_REQUEST, None)
    st.switch_page(RUN_PAGE, query_params={"run": run})
