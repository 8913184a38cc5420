"""Evaluating a run on another data set with the same classes: does it hold elsewhere?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from medxfer.cache.room import CacheRoom
from medxfer.data.integrity import check_unchanged
from medxfer.data.library import dataset_info, load_manifest
from medxfer.data.manifest import PARTS, Manifest, Split
from medxfer.errors import RunError
from medxfer.evaluation.predict import predict
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Tell
from medxfer.machine import choose
from medxfer.paths import Workspace
from medxfer.runs.external_record import External, Matched, save_external
from medxfer.runs.learned import Learned, learned
from medxfer.runs.loading import LoadedModel, load_model
from medxfer.runs.matching import Matching, checked, equal
from medxfer.using import using

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

    `matching` gives their class: ours, as a person said; None takes classes of equal names.
    `split` chooses one part; None takes every image that is not excluded. Images of classes that
    match none of ours are left out and counted, and so are images that the run's own data set, or
    that of a run it started from, holds as well: the network may have learned from them. Whoever
    shows figures of a test part counts the look, see `open_elsewhere`.

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
    how = Matched.NAME if matching is None else Matched.HAND
    if matching is None:
        matching = equal(manifest.classes, loaded.classes)
    settled = checked(matching, manifest.classes, loaded.classes)
    before = learned(workspace, run)
    wanted = manifest.table["split"].isin([str(part) for part in ([split] if split else PARTS)])
    known = manifest.table["sha256"].isin(before.files)
    matched = manifest.table["label"].map(lambda label: settled[label] is not None)
    rows = wanted & matched & ~known
    if not rows.any():
        raise RunError(
            f"No image of '{data}' is left to evaluate on: {int(wanted.sum())} in the chosen part, "
            f"{int((wanted & ~matched).sum())} of classes that match none of the run's, "
            f"{int((wanted & known).sum())} that the run's own data set, or that of a run it "
            "started from, holds as well.",
            "Choose another part, or match more classes.",
        )
    with (
        using(workspace, workspace.run(run).root, f"it is being evaluated on '{data}'"),
        using(workspace, workspace.dataset(data).root, f"run {run} is being evaluated on it"),
    ):
        predictions = _asked(workspace, loaded, manifest, settled, rows, tell)
    left_out = manifest.table[wanted & ~matched]["label"].value_counts()
    found = int((wanted & matched & known).sum())
    patients_known = dataset_info(workspace, data).patients_known
    record = External(
        data=data,
        split=str(split) if split else ALL,
        matching=settled,
        images=len(predictions),
        patients=int(predictions.facts["patient"].nunique()) if patients_known else None,
        left_out={str(name): int(images) for name, images in left_out.sort_index().items()},
        own=None if before.gap else found,
        own_found=found,
        gap=before.gap,
        same_patients=_same_patients(predictions, before) if patients_known else None,
        matched=how,
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


def _same_patients(predictions: Predictions, before: Learned) -> int | None:
    """Images of patients whose id the network's own data has too; None if it knows no patients."""
    if before.patients is None:
        return None
    return int(predictions.facts["patient"].isin(before.patients).sum())
