"""A data set of strangely named files and a finished run on it, made without training."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from medxfer.config import TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest, Split
from medxfer.evaluation.predictions import Predictions
from medxfer.events import (
    EpochFinished,
    Finished,
    Fitted,
    PhasePlan,
    PredictionsSaved,
    Started,
)
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.store import create_run

NAME = "lungs"
PARTS = {"train": 30, "val": 24, "test": 20}
"""Patients by part, two images each."""
FILE_WORD, PATIENT_WORD = "Zwiebelkuchen", "Quastenflosser"


def make_data(workspace: Workspace, folder: Path, name: str = NAME, seed: int = 7) -> str:
    """Import 148 small pictures of 74 patients with age and sex, in two classes.

    Another seed gives other pictures under the same names.
    """
    folder.mkdir()
    generator = np.random.default_rng(seed)
    rows, patient = [], 0
    for part, patients in PARTS.items():
        for _ in range(patients):
            patient += 1
            for number in range(2):
                file = f"{FILE_WORD}{patient:03d}-{number}.png"
                label = ("healthy", "<b>ill & 'so'</b>")[patient % 2]
                pixels = generator.integers(0, 255, (16, 16), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / file)
                age, sex = int(generator.integers(18, 90)), "FM"[patient % 3 == 0]
                rows.append((file, label, f"{PATIENT_WORD}{patient}", part, age, sex))
    (folder / "empty.png").write_bytes(b"")
    rows.append(("empty.png", "healthy", f"{PATIENT_WORD}0", "train", 50, "F"))
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "label", "patient", "split", "age", "sex"))
        writer.writerows(rows)
    import_source(workspace, folder / "table.csv", ImportOptions(name=name))
    return name


def answers(manifest: Manifest, split: Split, seed: int = 0) -> Predictions:
    """What a fairly good and too certain network might say of one part."""
    part = manifest.part(split)
    generator = np.random.default_rng(seed)
    truth = np.asarray(part.targets(), dtype=np.int64)
    strength = 1.2 * (2 * truth - 1) + generator.normal(0, 1.2, len(truth))
    logits = np.stack([-2 * strength, 2 * strength], axis=1)
    facts = part.table[["image", "file", "patient", "split"]].reset_index(drop=True)
    return Predictions(part.classes, facts, truth, logits)


def make_run(
    workspace: Workspace, data: str = NAME, seed: int = 0, note: str = "a first try"
) -> str:
    """The folder of a run that has finished, with predictions for validation and test."""
    manifest = load_manifest(workspace, data)
    config = TrainConfig(data=data, weights="none", epochs=3, seed=seed, note=note)
    run, _ = create_run(workspace, config)
    paths = workspace.run(run)
    figures = {"loss": 0.612345, "auroc": 0.876543, "accuracy": 0.798765, "f1": None}
    journal.append(paths.events, Started(
        pid=1, device="a small machine", precision="bfloat16", threads=3,
        versions={"python": "3.11.99", "torch": "2.77.1", "medxfer": "0.1.0"},
        manifest_hash=manifest.content_hash, split_hash=manifest.split_hash,
        classes=manifest.classes, images={"train": 60, "val": 48, "test": 40, "excluded": 0},
        parameters=11439170, weights="none (random)",
        phases=(PhasePlan(name="partial", stages=("layer4", "head"), learning_rate=1e-4,
                          epochs=3, learning_parameters=8656386),),
    ))  # fmt: skip
    for epoch in (1, 2, 3):
        noted = {name: value and value - 0.01 * epoch for name, value in figures.items()}
        journal.append(paths.events, EpochFinished(
            epoch=epoch, phase=0, learning_rate=1.25e-4, train=noted, validation=noted,
            seconds=2.5, best=epoch == 1,
        ))  # fmt: skip
    journal.append(paths.events, Fitted(reason="completed", best_epoch=1, validation=figures))
    for number, split in enumerate((Split.VALIDATION, Split.TEST)):
        predictions = answers(manifest, split, seed=2 * seed + number)
        predictions.save(paths.predictions(split))
        journal.append(paths.events, PredictionsSaved(split=split, images=len(predictions)))
    journal.append(paths.events, Finished(seconds=83.4))
    record = {"epoch": 1, "sha256": "c0ffee" * 10}
    (paths.checkpoints / "best.json").write_text(json.dumps(record))
    return run


@dataclass(frozen=True)
class Made:
    """What the helpers of this file made."""

    workspace: Workspace
    data: str
    run: str


def make(workspace: Workspace, folder: Path) -> Made:
    data = make_data(workspace, folder)
    return Made(workspace, data, make_run(workspace, data))
