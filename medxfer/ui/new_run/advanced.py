"""The settings a first run can leave alone."""

from __future__ import annotations

from typing import Any, TypeVar

import streamlit as st

from medxfer.config import (
    Device,
    HeadConfig,
    Imbalance,
    Monitor,
    OptimiserConfig,
    Preset,
    Schedule,
    TrainConfig,
)

T = TypeVar("T")

_DEFAULT = TrainConfig.model_construct(data="")
_HEAD, _OPTIMISER = HeadConfig(), OptimiserConfig()

_HEADS = {"mlp": "Two layers with dropout", "linear": "One linear layer"}
_SCHEDULES = {
    Schedule.PLATEAU: "Halve when it stops improving (plateau)",
    Schedule.COSINE: "Warm up, then fall slowly (cosine)",
}
_IMBALANCES = {
    Imbalance.NONE: "Nothing",
    Imbalance.CLASS_WEIGHTS: "Weigh rare classes more (class weights)",
    Imbalance.BALANCED_SAMPLING: "Show rare classes more often (balanced sampling)",
    Imbalance.FOCAL: "Weigh hard images more (focal loss)",
}
_PRESETS = {
    Preset.RADIOGRAPH: "Radiograph: mild crops, never mirrored",
    Preset.ARTICLE: "Article: strong crops, mirrored, rotated",
}
_VIEWS: dict[int | None, str] = {None: "Automatic", 0: "0: vary the images anew in every epoch"}
_VIEWS |= {number: str(number) for number in range(1, 65)}
_MONITORS = {
    Monitor.AUROC: "AUROC",
    Monitor.ACCURACY: "Accuracy",
    Monitor.BALANCED_ACCURACY: "Balanced accuracy",
    Monitor.F1: "F1",
    Monitor.LOSS: "Loss",
}
_DEVICES = {
    Device.AUTO: "GPU if there is one",
    Device.CPU: "CPU",
    Device.CUDA: "GPU",
}


def choose_head() -> HeadConfig:
    """The classifier put on top of the network."""
    kind = _choice("New classifier (head)", _HEADS, "head")
    if kind == "linear":
        return HeadConfig(kind="linear")
    columns = st.columns(3)
    return HeadConfig(
        hidden=columns[0].number_input(
            "Units between (hidden)", 8, 4096, _HEAD.hidden, key="hidden"
        ),
        dropout_in=columns[1].number_input(
            "Dropout before", 0.0, 0.95, _HEAD.dropout_in, 0.05, key="dropout-in"
        ),
        dropout_out=columns[2].number_input(
            "Dropout after", 0.0, 0.95, _HEAD.dropout_out, 0.05, key="dropout-out"
        ),
    )


def choose_learning() -> dict[str, Any]:
    """Optimiser, schedule, stopping: fields of `TrainConfig`."""
    columns = st.columns(3)
    rate = columns[0].number_input(
        "Learning rate", 1e-7, 1.0, _OPTIMISER.learning_rate, 1e-5, format="%.1e",
        key="learning-rate", help="AdamW. The progressive strategy has its own rates.",
    )  # fmt: skip
    decay = columns[1].number_input(
        "Weight decay", 0.0, 1.0, _OPTIMISER.weight_decay, 1e-5, format="%.1e", key="weight-decay"
    )
    batch = columns[2].number_input("Batch size", 2, 1024, _DEFAULT.batch_size, key="batch")
    schedule = _choice("Learning-rate schedule", _SCHEDULES, "schedule")
    details = _plateau() if schedule is Schedule.PLATEAU else _cosine()
    stop = st.toggle("Stop early when it no longer improves", value=True, key="early")
    patience = None
    if stop:
        patience = st.number_input(
            "Epochs without a better figure before stopping (patience)",
            1, 1000, _DEFAULT.early_stopping, key="patience",
        )  # fmt: skip
    return {
        "optimiser": {
            "learning_rate": rate,
            "weight_decay": decay,
            "schedule": schedule,
            **details,
        },
        "batch_size": batch,
        "early_stopping": patience,
        "monitor": _choice("Figure that decides which epoch is best", _MONITORS, "monitor"),
    }


def choose_images() -> dict[str, Any]:
    """Augmentation, class sizes, labels: fields of `TrainConfig`."""
    preset = _choice("How training images are varied (augmentation)", _PRESETS, "preset")
    views = _choice(
        "Views of each image that are kept (views)", _VIEWS, "views",
        help="So many varied copies of each image pass the frozen stages once, and the epochs take "
        "turns with them; fewer take less time and room, more vary the images more.",
    )  # fmt: skip
    imbalance = _choice("Classes of different size", _IMBALANCES, "imbalance", _DEFAULT.imbalance)
    fields: dict[str, Any] = {"preset": preset, "views": views, "imbalance": imbalance}
    if imbalance is Imbalance.FOCAL:
        fields["focal_gamma"] = st.slider("Focal gamma", 0.0, 5.0, 2.0, 0.5, key="gamma")
    fields["label_smoothing"] = st.slider(
        "Label smoothing", 0.0, 0.5, 0.0, 0.05, key="smoothing",
        help="Takes a little certainty from every label; useful where labels are sometimes wrong.",
    )  # fmt: skip
    return fields


def choose_machine() -> dict[str, Any]:
    """Device and seed: fields of `TrainConfig`."""
    columns = st.columns(2)
    with columns[0]:
        device = _choice("Computed on (device)", _DEVICES, "device")
    seed = columns[1].number_input(
        "Seed", 0, 2**31 - 1, 0, key="seed", help="The same seed gives the same run on a CPU."
    )
    return {"device": device, "seed": seed}


def _plateau() -> dict[str, Any]:
    columns = st.columns(2)
    return {
        "factor": columns[0].number_input(
            "Multiply it by", 0.05, 0.95, _OPTIMISER.factor, 0.05, key="factor"
        ),
        "patience": columns[1].number_input(
            "After this many epochs without a lower loss", 0, 100, _OPTIMISER.patience,
            key="plateau-patience",
        ),
    }  # fmt: skip


def _cosine() -> dict[str, Any]:
    return {
        "warmup_epochs": st.number_input(
            "Epochs to warm up", 0, 100, _OPTIMISER.warmup_epochs, key="warmup"
        )
    }


def _choice(
    label: str, words: dict[T, str], key: str, default: T | None = None, help: str | None = None
) -> T:
    options = list(words)
    index = options.index(default) if default is not None else 0
    chosen = st.selectbox(
        label, options, index=index, format_func=words.__getitem__, key=key, help=help
    )
    return options[index] if chosen is None else chosen
