"""Evaluating a run on another data set with the same classes: does it hold elsewhere?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from medxfer.cache.room import CacheRoom
from medxfer.data.integrity import check_unchanged
from medxfer.data.library import dataset_info, load_manifest
from medxfer.data.manifest import PARTS, Manifest, Split
from medxfer.errors import DataError, RunError
from medxfer.evaluation.predict import predict
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Tell
from medxfer.machine import choose
from medxfer.paths import Workspace
from medxfer.runs.external_record import External, save_external
from medxfer.runs.loading import LoadedModel, load_model
from medxfer.runs.matching import Matching, checked, suggest

ALL = "all"


def evaluate_external(
    workspace: Workspace,
    run: str,
    data: str,
    matching: Matching | None = None,
    split: Split | None = None,
    tell: Tell = lambda *_: None,
) -> tuple[External, Predictions]:
    """What the run's best network says of another data set; kept with the run.

    `matching` gives their class: ours; None takes the suggestion by name. `split` chooses one
    part; None takes every image that is not excluded. Images of classes that match none of ours
    are left out and counted, and so are images that the run's own data set holds as well: the
    network may have learned from them.

    Raises:
        RunError: the run is unknown, `data` is its own data set, nothing matches, or nothing is
            left.
        DataError: the data set is gone, or its files changed since the import.
        WeightsError: the run has no usable weights.
    """
    loaded = load_model(workspace, run)
    if data == loaded.config.data:
        raise RunError(
            f"'{data}' is the data set that run {run} was trained on, not another one.",
            f"For its own parts: medxfer evaluate {run} --split test",
        )
    manifest = load_manifest(workspace, data)
    if matching is None:
        matching = suggest(manifest.classes, loaded.classes)
    settled = checked(matching, manifest.classes, loaded.classes)
    own = _own_files(workspace, loaded)
    wanted = manifest.table["split"].isin([str(part) for part in ([split] if split else PARTS)])
    known = manifest.table["sha256"].isin(own or ())
    matched = manifest.table["label"].map(lambda label: settled[label] is not None)
    rows = wanted & matched & ~known
    if not rows.any():
        raise RunError(
            f"No image of '{data}' is left to evaluate on: {int(wanted.sum())} in the chosen part, "
            f"{int((wanted & ~matched).sum())} of classes that match none of the run's, "
            f"{int((wanted & known).sum())} that the run's own data set holds as well.",
            "Choose another part, or match more classes.",
        )
    predictions = _asked(workspace, loaded, manifest, settled, rows, tell)
    left_out = manifest.table[wanted & ~matched]["label"].value_counts()
    record = External(
        data=data,
        split=str(split) if split else ALL,
        matching=settled,
        images=len(predictions),
        patients=_patients(workspace, data, predictions),
        left_out={str(name): int(images) for name, images in left_out.sort_index().items()},
        own=None if own is None else int((wanted & matched & known).sum()),
        epoch=loaded.epoch,
        weights_sha256=loaded.sha256,
        manifest_hash=manifest.content_hash,
        split_hash=manifest.split_hash,
        time=datetime.now(UTC),
    )
    try:
        save_external(workspace.run(run), record, predictions)
    except OSError as error:
        raise RunError(
            f"The answers about '{data}' could not be kept with run {run}: {error.strerror}.",
            "Free some space or check the permissions, and try again.",
        ) from error
    return record, predictions


def _asked(
    workspace: Workspace,
    loaded: LoadedModel,
    manifest: Manifest,
    matching: Matching,
    rows: pd.Series[bool],
    tell: Tell,
) -> Predictions:
    """The network's answers about some rows, with the truth in the run's own classes.

    Rows that are not asked about stay in the table, so that decoded pictures are found again.
    """
    ours = manifest.table["label"].map(lambda label: matching[label] or loaded.classes[0])
    asked = np.where(rows, str(Split.TEST), str(Split.EXCLUDED))
    table = manifest.table.assign(label=ours, split=asked)
    translated = Manifest(table, loaded.classes, manifest.root)
    check_unchanged(translated.part(Split.TEST))
    machine = choose(loaded.config)
    model = loaded.model.to(machine.device)
    room = CacheRoom(workspace.cache)
    batch = loaded.config.batch_size
    answers = predict(model, translated, Split.TEST, room, machine, batch, tell)
    parts = manifest.table["split"][rows].to_numpy()
    facts = answers.facts.assign(split=parts)
    return replace(answers, facts=facts, finding=loaded.config.positive)


def _own_files(workspace: Workspace, loaded: LoadedModel) -> set[str] | None:
    """Hashes of the files of the run's own data set; None if it cannot be read any more."""
    with suppress(DataError):
        return set(load_manifest(workspace, loaded.config.data).table["sha256"])
    return None


def _patients(workspace: Workspace, data: str, predictions: Predictions) -> int | None:
    known = dataset_info(workspace, data).patients_known
    return int(predictions.facts["patient"].nunique()) if known else None
