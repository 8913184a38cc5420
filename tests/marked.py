"""A data set whose findings are marked by boxes and masks, and a run that has seen it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from begun import begin
from PIL import Image

from medxfer.config import Device, HeadConfig, Precision, TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Finished, Fitted
from medxfer.paths import Workspace
from medxfer.runs import journal

NAME = "marked"
COUNTS = {"train": 8, "val": 5, "test": 4}
"""Images a class, each of a patient of its own."""
SQUARE = (8, 20, 16)
"""Left, top and side of the finding in a picture of 64 a side, off its centre."""


@dataclass(frozen=True)
class MarkedRun:
    """What `make_marked` made."""

    workspace: Workspace
    run: str
    folder: Path


def make_marked(workspace: Workspace, folder: Path) -> MarkedRun:
    """Import 34 pictures; the ill have a bright square, marked by a mask in val, else by a box."""
    generator = np.random.default_rng(0)
    left, top, side = SQUARE
    (folder / "masks").mkdir(parents=True)
    rows = []
    for part, count in COUNTS.items():
        for label in ("ill", "well"):
            for number in range(count):
                name = f"{part}-{label}-{number}.png"
                pixels = generator.integers(60, 120, (64, 64), dtype=np.uint8)
                mask = np.zeros((64, 64), np.uint8)
                box = ["", "", "", ""]
                if label == "ill":
                    pixels[top : top + side, left : left + side] += 100
                    mask[top : top + side, left : left + side] = 255
                    box = [str(left), str(top), str(side), str(side)]
                Image.fromarray(pixels).save(folder / name)
                masked = part == "val"
                if masked:
                    Image.fromarray(mask).save(folder / "masks" / name)
                rows.append((name, label, f"{part}-{label}-{number}", part,
                             f"masks/{name}" if masked else "",
                             *(["", "", "", ""] if masked else box)))  # fmt: skip
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "label", "patient", "split", "mask",
                         "box_left", "box_top", "box_width", "box_height"))  # fmt: skip
        writer.writerows(rows)
    import_source(workspace, folder, ImportOptions(name=NAME))
    return MarkedRun(workspace, _run(workspace), folder)


def _run(workspace: Workspace) -> str:
    """A finished run whose network has seen its pictures, but learned nothing: that is quick."""
    manifest = load_manifest(workspace, NAME)
    config = TrainConfig(data=NAME, weights="none", epochs=1, head=HeadConfig(kind="linear"),
                         device=Device.CPU, precision=Precision.FLOAT32)  # fmt: skip
    run = begin(workspace, config)
    paths = workspace.run(run)
    journal.append(paths.events, Fitted(reason="completed", best_epoch=1, validation={}))
    journal.append(paths.events, Finished(seconds=1.0))
    for split in (Split.VALIDATION, Split.TEST):
        part = manifest.part(split)
        truth = np.asarray(part.targets(), dtype=np.int64)
        called = np.where(np.arange(len(truth)) % 4 == 3, 1 - truth, truth)
        logits = np.where(np.arange(2) == called[:, None], 1.0, -1.0)
        logits *= np.linspace(0.5, 2, len(truth))[:, None]
        facts = part.table[["image", "file", "patient", "split"]].reset_index(drop=True)
        Predictions(part.classes, facts, truth, logits).save(paths.predictions(split))
    return run
