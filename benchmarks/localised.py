"""Pictures whose findings are marked, and networks that have never seen them.

The phantoms of the demo teach, and 60 other patients drawn with another seed are marked by the
masks that the generator keeps. Of nih-cxr-320 the patients with a box are marked, and all others
teach. `python -m benchmarks.localised` trains both networks, a few minutes each on one core.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.models import ResNet

from benchmarks.accuracy import network, settings
from benchmarks.ours import run_ours
from benchmarks.packs import HOME, PACKS, manifest_of, workspace
from medxfer.config import Depth, TrainConfig
from medxfer.data.library import DEMO, ensure_demo, load_manifest
from medxfer.data.manifest import Manifest, Split
from medxfer.data.phantom.generator import generate
from medxfer.data.readers import read_picture
from medxfer.models import checkpoint

PHANTOMS, NIH = "phantoms", "nih-cxr-320"
SETS = (PHANTOMS, NIH)

_MARKED_PATIENTS, _MARKED_SEED = 120, 1
_NAMED = ("Lung Opacity", "Pneumonia")
"""Findings whose boxes count; the few of other diseases are left out."""
_EPOCHS = 12


@dataclass(frozen=True)
class Marked:
    """One picture (H, W, 3) of an ill patient with the mask (H, W) of where it shows."""

    name: str
    patient: str
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Trained:
    """A network of the benchmark, the class whose place is marked, and how good it is."""

    model: ResNet
    classes: tuple[str, ...]
    finding: int
    auroc: float
    """On pictures of patients that neither taught nor chose the epoch."""
    epoch: int


def marked(name: str) -> Iterator[Marked]:
    """The marked pictures of a set, patient by patient."""
    yield from _marked_phantoms() if name == PHANTOMS else _marked_radiographs()


def trained(name: str) -> Trained:
    """The network of a set, trained on first use."""
    folder = HOME / "localised" / name
    if not (folder / "judged.json").exists():
        _train(name, folder)
    model, record = checkpoint.load(folder, f"The network of {name}")
    finding = next(i for i, label in enumerate(record.classes) if "pneumonia" in label.lower())
    auroc = json.loads((folder / "judged.json").read_text())["auroc"]
    return Trained(model, record.classes, finding, auroc, record.epoch)


def _train(name: str, folder: Path) -> None:
    manifest = _teaching(name)
    config: TrainConfig = settings(NIH, "none", epochs=_EPOCHS)
    model = network(config, len(manifest.classes))
    outcome = run_ours(model, manifest, config)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(
        model, folder, depth=Depth.RESNET18, head=config.head, classes=manifest.classes,
        epoch=outcome.best_epoch or 0,
    )  # fmt: skip
    (folder / "judged.json").write_text(json.dumps({"auroc": outcome.test_auroc}))


def _teaching(name: str) -> Manifest:
    """What teaches: never a patient whose pictures are marked."""
    if name == PHANTOMS:
        ensure_demo(workspace())
        return load_manifest(workspace(), DEMO)
    manifest = manifest_of(NIH)
    table = manifest.table
    boxed = set(table["patient"][table["file"].map(_stem).isin(_boxes()["stem"])])
    splits = table["split"].mask(table["patient"].isin(boxed), str(Split.EXCLUDED))
    return manifest.with_splits(splits)


def _marked_phantoms() -> Iterator[Marked]:
    folder = HOME / "localised" / "marked-phantoms"
    listing = folder / "listing.csv"
    if not listing.exists():
        table = generate(folder, patients=_MARKED_PATIENTS, seed=_MARKED_SEED)
        table.to_csv(listing, index=False)
    table = pd.read_csv(listing, dtype=str, keep_default_na=False)
    for row in table[table["mask"] != ""].itertuples():
        pixels = read_picture(folder / str(row.file)).pixels
        with Image.open(folder / str(row.mask)) as mask:
            yield Marked(str(row.file), str(row.patient), pixels, np.asarray(mask) > 0)


def _marked_radiographs() -> Iterator[Marked]:
    manifest, boxes = manifest_of(NIH), _boxes()
    for row in manifest.table.itertuples():
        mine = boxes[boxes["stem"] == _stem(str(row.file))]
        mine = mine[mine["finding"].isin(_NAMED)]
        if row.label != "Pneumonia" or not len(mine):
            continue
        pixels = read_picture(manifest.path(str(row.file))).pixels
        mask = np.zeros(pixels.shape[:2], dtype=np.bool_)
        for x, y, width, height in mine[["x320", "y320", "w320", "h320"]].astype(float).to_numpy():
            mask[round(y) : round(y + height), round(x) : round(x + width)] = True
        yield Marked(str(row.file), str(row.patient), pixels, mask)


def _boxes() -> pd.DataFrame:
    table = pd.read_csv(PACKS / NIH / "boxes.csv", dtype=str)
    return table.assign(stem=table["image_index"].map(_stem))


def _stem(file: str) -> str:
    return Path(file).stem


def main() -> None:
    torch.set_num_threads(1)
    for name in SETS:
        made = trained(name)
        count = sum(1 for _ in marked(name))
        print(f"{name}: test AUROC {made.auroc:.3f}, epoch {made.epoch}, {count} marked pictures")


if __name__ == "__main__":
    main()
