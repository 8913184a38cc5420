"""Which heatmap: of which class, rather than which other, by which method, how deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from medxfer.config import Stage
from medxfer.runs.worth import METHOD_NAMES
from medxfer.ui.explain.serving import Asked
from medxfer.ui.words import plain

if TYPE_CHECKING:
    from medxfer.runs.answering import Verdict

_PREDICTED, _NOTHING = -1, -1
_STAGE_WORDS = {
    Stage.LAYER4: "last (layer4), 7 × 7 cells",
    Stage.LAYER3: "third (layer3), 14 × 14 cells",
    Stage.LAYER2: "second (layer2), 28 × 28 cells",
    Stage.LAYER1: "first (layer1), 56 × 56 cells",
}


def choose_heatmap(said: Verdict) -> Asked:
    """The heatmap wanted; by itself Grad-CAM of the class called, at the last stage."""
    from medxfer.explain.heatmap import METHODS

    classes = said.classes
    with st.popover("Another heatmap", icon=":material/tune:"):
        wanted = st.selectbox(
            "Heatmap of", [_PREDICTED, *range(len(classes))], key="explain-target",
            format_func=lambda index: "the class called" if index < 0 else classes[index],
        )  # fmt: skip
        target = said.called if wanted == _PREDICTED else wanted
        against = st.selectbox(
            "rather than", [_NOTHING, *(i for i in range(len(classes)) if i != target)],
            key=f"explain-against-{target}",
            format_func=lambda index: "nothing in particular" if index < 0 else classes[index],
            help="With another class the map shows what speaks for the one and against the other.",
        )  # fmt: skip
        method = st.selectbox(
            "Method", list(METHODS), key="explain-method",
            format_func=lambda name: METHOD_NAMES.get(name, name),
        )  # fmt: skip
        stage = st.selectbox(
            "Stage of the network", list(_STAGE_WORDS), key="explain-stage",
            format_func=lambda stage: _STAGE_WORDS[stage],
            help="Earlier stages give finer maps of simpler things; the last is nearest to the "
            "answer.",
        )  # fmt: skip
    return Asked(target, None if against == _NOTHING else against, method, stage)


def heatmap_words(classes: tuple[str, ...], asked: Asked) -> str:
    """Which heatmap it is, in Markdown."""
    other = "" if asked.against is None else f" rather than {plain(classes[asked.against])}"
    stage = "" if asked.stage is Stage.LAYER4 else f", {asked.stage}"
    method = METHOD_NAMES.get(asked.method, asked.method)
    return f"{plain(classes[asked.target])}{other} ({method}{stage})"
