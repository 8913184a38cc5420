"""Runs in every state, made of events, and what a page says."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Dataframe

from medxfer.config import StrategyConfig, TrainConfig
from medxfer.data.manifest import Manifest
from medxfer.evaluation.predictions import Predictions
from medxfer.events import (
    EpochFinished,
    Event,
    Finished,
    Fitted,
    PhasePlan,
    PhaseStarted,
    PredictionsSaved,
    Preparing,
    Progress,
    Started,
)
from medxfer.files import write_json
from medxfer.paths import Workspace
from medxfer.runs.journal import append
from medxfer.runs.store import create_run

CLASSES = ("NORMAL", "PNEUMONIA")


def started(epochs: int = 4, phases: int = 2, on: Manifest | None = None) -> Started:
    """The first event of a run over `epochs` epochs in so many phases of equal length.

    `on` is the data set it is trained on; None: one that is nowhere.
    """
    plan = tuple(
        PhasePlan(
            name=name, stages=("head",), learning_rate=1e-3, epochs=epochs // phases,
            learning_parameters=1026,
        )
        for name in ("head", "everything")[:phases]
    )  # fmt: skip
    return Started(
        pid=1, device="CPU, 2 threads", precision="float32", threads=2,
        versions={"torch": "2.15.0"}, manifest_hash=on.content_hash if on else "0" * 64,
        split_hash=on.split_hash if on else "1" * 64,
        classes=CLASSES, images={"train": 40, "val": 12, "test": 12}, parameters=11_177_538,
        phases=plan, weights="none",
    )  # fmt: skip


def epoch(number: int, phase: int = 0, auroc: float | None = None) -> EpochFinished:
    """An epoch of a run that gets a little better each time; it is the best so far."""
    better = 1 - 1 / (number + 1)
    return EpochFinished(
        epoch=number, phase=phase, learning_rate=1e-3, seconds=3.0, best=True,
        train={"loss": 0.8 / number, "accuracy": better * 0.9, "auroc": better * 0.95},
        validation={"loss": 0.7 / number, "accuracy": better, "auroc": auroc or better},
    )  # fmt: skip


def progress(number: int, batch: int = 3, step: str = "train") -> Progress:
    return Progress(
        epoch=number, step=step, batch=batch, batches=10, loss=0.6, images_per_second=21.5,
        memory=900_000_000, seconds_left=75.0,
    )  # fmt: skip


def preparing(
    step: str = "features", done: int = 1200, seconds_left: float | None = 5.2
) -> Preparing:
    return Preparing(step=step, done=done, total=2466, seconds_left=seconds_left)


def learned(on: Manifest | None = None) -> list[Event]:
    """The events of a run up to its second of four epochs."""
    return [
        started(on=on),
        PhaseStarted(phase=0, epoch=1),
        progress(1),
        epoch(1),
        progress(2),
        epoch(2),
    ]


def completed(on: Manifest | None = None) -> list[Event]:
    best = epoch(4, 1)
    return [
        *learned(on), PhaseStarted(phase=1, epoch=3), epoch(3, 1), best,
        Fitted(reason="completed", best_epoch=4, validation=best.validation),
        PredictionsSaved(split="val", images=12), PredictionsSaved(split="test", images=12),
        Finished(seconds=12.5),
    ]  # fmt: skip


def predictions(
    split: str = "val", truth: Sequence[int] | None = None, patients: int = 12
) -> Predictions:
    """Twelve answers, three of them wrong: two NORMAL called PNEUMONIA and one the other way."""
    truths = np.array([0] * 6 + [1] * 6 if truth is None else truth)
    called = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0])
    logits = np.where(np.arange(2) == called[:, None], 1.0, -1.0) * np.linspace(0.5, 2, 12)[:, None]
    facts = pd.DataFrame(
        {
            "image": [f"{split}-{number}" for number in range(12)],
            "file": [f"{split}-{number}.png" for number in range(12)],
            "patient": [f"p{number % patients}" for number in range(12)],
            "split": split,
        }
    )
    return Predictions(CLASSES, facts, truths, logits)


def add_run(place: Workspace, events: Sequence[Event], data: str = "chests") -> str:
    """A run whose folder holds these events, and word of its best epoch's weights; its id."""
    config = TrainConfig(
        data=data, weights="none", epochs=4, strategy=StrategyConfig(name="progressive")
    )
    run, _ = create_run(place, config)
    for event in events:
        append(place.run(run).events, event)
    if best := [event.epoch for event in events if isinstance(event, EpochFinished) and event.best]:
        write_json(place.run(run).checkpoints / "best.json", {"epoch": best[-1]})
    return run


def words(app: AppTest) -> str:
    """All text on the page, for looking things up in it."""
    kinds = (
        app.title, app.subheader, app.markdown, app.caption, app.info, app.warning, app.error,
        app.success,
    )  # fmt: skip
    return "\n".join(element.value for kind in kinds for element in kind)


def select(app: AppTest, table: Dataframe, **selection: object) -> AppTest:
    """Select rows or cells of a table as a person would; AppTest has no public way to."""
    chosen = {"rows": [], "columns": [], "cells": []} | selection
    states = app._tree.get_widget_states()
    states.widgets.add(id=table.proto.id, string_value=json.dumps({"selection": chosen}))
    return app._run(states)
