"""Choosing where the network's knowledge comes from."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from medxfer.config import Depth
from medxfer.errors import DataError
from medxfer.models.weights.imagenet import is_cached
from medxfer.models.weights.load import IMAGENET, NONE, RUN
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs
from medxfer.ui.frame import show_problem
from medxfer.ui.roots import check_root
from medxfer.ui.runs.choice import distinct_labels

_FILE = "file"
_WORDS = {
    IMAGENET: "ImageNet",
    RUN: "Another run",
    _FILE: "A weights file",
    NONE: "None",
}


def choose_weights(place: Workspace, depth: Depth) -> str:
    """The source of weights as `TrainConfig.weights` takes it; "" while it is not complete."""
    kind = st.segmented_control(
        "Pretrained weights",
        list(_WORDS),
        default=IMAGENET,
        required=True,
        format_func=_WORDS.__getitem__,
        key="weights-kind",
        help="What the network knows before it sees your images. Transfer learning starts from "
        "weights learned on another task.",
    )
    match kind:
        case "run:":
            return _run(place, depth)
        case "file":
            return _file()
        case "none":
            st.caption(
                "The network starts from random numbers. Only sensible with very many images, "
                "and with the strategy “Freeze nothing”."
            )
            return NONE
        case _:
            _imagenet(place, depth)
            return IMAGENET


def _imagenet(place: Workspace, depth: Depth) -> None:
    if is_cached(depth, place):
        st.caption("Learned on 1.2 million photographs. The file is on this computer.")
    else:
        st.caption(
            "Learned on 1.2 million photographs. The file is not on this computer yet; it is "
            "downloaded once when you start."
        )


def _run(place: Workspace, depth: Depth) -> str:
    runs = [run for run in list_runs(place) if run.has_model and run.depth == int(depth)]
    if not runs:
        st.caption(f"No run with ResNet-{int(depth)} has a model yet. Choose another source.")
        return ""
    labels = distinct_labels(runs)
    chosen = st.selectbox(
        "Run to start from", list(labels), format_func=labels.__getitem__, key="from-run"
    )
    return f"{RUN}{chosen}"


def _file() -> str:
    typed = st.text_input(
        "Weights file on this computer",
        placeholder="/data/RadImageNet_ResNet50.pth",
        key="weights-file",
        help="A .safetensors file, or a state dict saved as .pth, with the key names of "
        "torchvision, timm or RadImageNet. It is checked before anything starts.",
    )
    path = (typed or "").strip().strip("'\"")
    if path:
        try:
            check_root(Path(path).expanduser().absolute())
        except DataError as error:
            show_problem(error)
            return ""
    return path
