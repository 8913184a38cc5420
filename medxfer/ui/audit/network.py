"""Asking a network about labels and pictures: which one, what it needs and how long it takes."""

from __future__ import annotations

import streamlit as st

from medxfer.audit.backbone import best_backbone
from medxfer.audit.network import BEST
from medxfer.config import HeadConfig, TrainConfig
from medxfer.data.library import DatasetInfo
from medxfer.errors import WeightsError
from medxfer.models.weights.load import RUN
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs
from medxfer.ui.audit.job import begin
from medxfer.ui.audit.stored import Standing
from medxfer.ui.new_run.costs import costs
from medxfer.ui.new_run.here import here
from medxfer.ui.runs.choice import NEW_PAGE, distinct_labels, weights_word
from medxfer.ui.words import count, duration

_FILE = "file"


def offer_network(place: Workspace, info: DatasetInfo, now: Standing) -> None:
    """What the network is for, which one, how long, and the button."""
    st.markdown(
        "A network looks at every picture, and a simple model learns the classes from what it "
        "sees, each picture judged by a model that has not seen its patient. Labels that this "
        "speaks against come first in a list for you to look at. Pictures unlike all others are "
        "found on the way."
    )
    weights = _choose(place, info)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Look for wrong labels",
            type="primary",
            icon=":material/label:",
            disabled=not weights or now.active,
            key="ask-network",
        ):
            begin(place, info.name, doubts=weights)
            st.rerun()
        if weights:
            st.caption(_how_long(place, info), width="stretch")


def _choose(place: Workspace, info: DatasetInfo) -> str:
    """The weights as the audit takes them; "" while there are none."""
    runs = distinct_labels(run for run in list_runs(place) if run.has_model)
    best = _best(place, info)
    offered = [*([BEST] if best else []), *(f"{RUN}{run}" for run in runs), _FILE]
    words = {BEST: f"The best on this computer: {best}", _FILE: "A weights file"}
    words |= {f"{RUN}{run}": f"Run: {label}" for run, label in runs.items()}
    if not best:
        _draw_need(info)
    chosen = (
        _FILE
        if offered == [_FILE]
        else st.selectbox("Network", offered, format_func=words.__getitem__, key="doubts-by")
    )
    if chosen != _FILE:
        return chosen or ""
    typed = st.text_input(
        "Weights file on this computer",
        placeholder="/data/RadImageNet_ResNet50.pth",
        key="doubts-file",
        help="A .safetensors file, or a state dict saved as .pth.",
    )
    return (typed or "").strip().strip("'\"")


def _best(place: Workspace, info: DatasetInfo) -> str:
    """The best network here in words; "" if there is none."""
    try:
        found = best_backbone(place, info.name)
    except WeightsError:
        return ""
    return f"{weights_word(found.weights)}, ResNet-{int(found.depth)}"


def _draw_need(info: DatasetInfo) -> None:
    st.info(
        "**It needs a trained network, and none is on this computer yet.** A first run downloads "
        "ImageNet weights, which are then used here; or name a weights file.",
        icon=":material/info:",
    )
    st.page_link(
        NEW_PAGE, label="Start a run", icon=":material/model_training:",
        query_params={"data": info.name},
    )  # fmt: skip


def _how_long(place: Workspace, info: DatasetInfo) -> str:
    """About how long a small network needs here; what was computed before is used again."""
    config = TrainConfig(data=info.name)
    computer = here(place, config)
    if computer is None:
        return f"It looks at {count(info.images, 'image')} once."
    operations = costs(HeadConfig(), len(info.classes))[config.depth].operations
    seconds = info.images * operations / computer.speed.forward
    return (
        f"{count(info.images, 'image')}: about {duration(seconds)} here with "
        f"ResNet-{int(config.depth)}, longer with a deeper one, and some seconds to "
        "begin. What was computed before is used again."
    )
