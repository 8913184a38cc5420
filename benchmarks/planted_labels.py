"""Are flipped labels found, and pictures that do not belong?

`python -m benchmarks.planted_labels [--seeds 5] [--data PACK …]` flips 5 % of the labels of real
data sets and looks where the label doubts rank them; then puts pictures of other body parts among
those of each set and counts which are called strangers. Features come from a ResNet-18 that learned
from other packs, the nearest to a pretrained network that is at hand without a download; for the
packs it has seen, from one that learned nothing (random weights), which is said beside them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.packs import HOME, PACKS, workspace
from benchmarks.report import machine_line, write
from benchmarks.source import source_network
from medxfer.audit.backbone import Backbone
from medxfer.audit.doubts import label_doubts
from medxfer.audit.features import pooled_features
from medxfer.audit.strangers import strangers
from medxfer.config import Depth, HeadConfig, TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.machine import Machine, choose
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.working import ended

Result = TypeVar("Result")

FLIPPED, TOP = 0.05, 0.15
PLANTED = 10
"""Pictures of each other pack put among those of a data set."""

COLUMNS = {
    "kermany-cxr-320": "patient_key",
    "nih-cxr-320": None,
    "brain-mri-4class": None,
    "skin-ham10000": "lesion_id",
    "histology-lc25000-lung": None,
    "retina-4class": "patient_key",
}
"""The packs, and the column of their manifest that tells patients apart."""
UNSEEN = ("kermany-cxr-320", "nih-cxr-320")
"""Those that the source network did not learn from."""
GUESTS = ("brain-mri-4class", "skin-ham10000", "kermany-cxr-320")


@dataclass(frozen=True)
class Pack:
    """A pack as its features, labels and patients."""

    name: str
    features: NDArray[np.float32]
    labels: NDArray[np.object_]
    patients: NDArray[np.object_]


def pack_of(name: str, backbone: Backbone, machine: Machine) -> Pack:
    """A pack through a network; imported on first use."""
    home, data = workspace(), f"planted-{name}"
    if not home.dataset(data).root.is_dir():
        columns = ["file", "label", *([COLUMNS[name]] if COLUMNS[name] else [])]
        table = pd.read_csv(PACKS / name / "manifest.csv", dtype=str, keep_default_na=False)
        folder = HOME / "planted" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in table["file"]:  # an import takes only what lies beside its table
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes((PACKS / name / file).read_bytes())
        table[columns].to_csv(folder / "table.csv", index=False)
        options = ImportOptions(name=data, label_column="label", patient_column=COLUMNS[name])
        import_source(home, folder, options)
    manifest = load_manifest(home, data)
    features = ended(pooled_features(home, manifest, backbone, machine))
    labels, patients = (manifest.table[key].to_numpy(dtype=object) for key in ("label", "patient"))
    return Pack(name, features, labels, patients)


def flips(pack: Pack, seed: int, share: float = FLIPPED) -> tuple[float, ...]:
    """Of flipped labels the share in the top of the list, called wrong, and with the right class
    suggested; the share of all labels called wrong, and of these the share that was flipped; the
    balanced accuracy of the simple model, its lower end, and whether it is believed."""
    random = np.random.default_rng(seed)
    classes = sorted(set(pack.labels))
    flipped = random.choice(len(pack.labels), round(share * len(pack.labels)), replace=False)
    given = pack.labels.copy()
    for row in flipped:
        given[row] = random.choice([name for name in classes if name != given[row]])
    found = label_doubts(pack.features, list(given), list(pack.patients), classes, seed)
    if found.table is None or found.balanced_accuracy is None:
        raise RuntimeError(found.reason)
    planted = found.table["row"].isin(flipped)
    top = found.table["rank"] <= int(TOP * len(given))
    rows, called = found.table[planted], found.table["likely_wrong"]
    return (
        float((planted & top).sum() / len(flipped)),
        float(rows["likely_wrong"].mean()),
        float((rows["suggested"].to_numpy() == pack.labels[rows["row"]]).mean()),
        float(called.mean()),
        float(planted[called].mean()) if called.any() else np.nan,
        float(found.balanced_accuracy.value or np.nan),
        float(found.balanced_accuracy.low or np.nan),
        float(found.learnable),
    )


def planted_strangers(pack: Pack, guests: list[Pack], seed: int) -> tuple[float, float]:
    """Share of planted pictures called strangers, and of the others."""
    random = np.random.default_rng(seed)
    chosen = [
        guest.features[random.choice(len(guest.labels), PLANTED, replace=False)] for guest in guests
    ]
    features = np.concatenate([pack.features, *chosen])
    extra = len(features) - len(pack.labels)
    labels = [*pack.labels, *random.choice(pack.labels, extra)]
    patients = [*pack.patients, *(f"guest {number}" for number in range(extra))]
    table = strangers(features, labels, patients, seed)
    planted = table["row"] >= len(pack.labels)
    called = table["stranger"]
    return float(called[planted].mean()), float(called[~planted].mean())


def random_weights() -> Path:
    """A file with the weights of a ResNet-18 that has learned nothing."""
    folder = HOME / "untrained"
    if not (folder / "best.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        head = HeadConfig(kind="linear")
        model = build(Depth.RESNET18, 2, head)
        checkpoint.save(model, folder, depth=Depth.RESNET18, head=head, classes=("a", "b"), epoch=1)
    return checkpoint.verified(folder, "the untrained network")[1]


def lines(seeds: int, machine: Machine, names: Sequence[str]) -> Iterator[str]:
    """The result as Markdown; how far it is goes to standard error."""
    trained = Backbone(source_network(Depth.RESNET18).weights, Depth.RESNET18)
    untrained = Backbone(str(random_weights()), Depth.RESNET18)
    for backbone, words in ((trained, "learned from other packs"), (untrained, "random weights")):
        wanted = dict.fromkeys([*names, *GUESTS])
        packs = {name: _told(f"{words}: features of {name}", pack_of, name, backbone, machine)
                 for name in wanted}  # fmt: skip
        yield f"\nResNet-18, {words}; mean (lowest) over {seeds} seeds.\n"
        head = ("data", "seen in training", "images", "classes", "in the top 15 %", "called wrong",
                "right class suggested", "of all called wrong", "of these flipped",
                "balanced accuracy", "its lower end", "believed", "planted strangers found",
                "others called strangers")  # fmt: skip
        yield "| " + " | ".join(head) + " |"
        yield "|" + " --- |" * len(head)
        for name in names:
            pack = packs[name]
            flipped = np.array(
                [_told(f"{name}: flips, seed {seed}", flips, pack, seed) for seed in range(seeds)]
            )
            guests = [packs[guest] for guest in GUESTS if _foreign(guest, name)]
            strange = np.array([planted_strangers(pack, guests, seed) for seed in range(seeds)])
            seen = "yes" if backbone is trained and name not in UNSEEN else "no"
            cells = [name, seen, f"{len(pack.labels):,}", str(len(set(pack.labels))),
                     *(_shown(column) for column in flipped.T), _shown(strange[:, 0]),
                     f"{strange[:, 1].mean():.3f} ({strange[:, 1].max():.3f})"]  # fmt: skip
            yield "| " + " | ".join(cells) + " |"


def _told(what: str, work: Callable[..., Result], *given: object) -> Result:
    """Do the work, and say what it was and how long it took."""
    begun = time.monotonic()
    result = work(*given)
    print(f"{what}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return result


def _foreign(guest: str, host: str) -> bool:
    return guest != host and not ("cxr" in guest and "cxr" in host)


def _shown(values: NDArray[np.float64]) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():.3f} ({known.min():.3f})" if len(known) else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", nargs="+", choices=COLUMNS, default=list(COLUMNS))
    arguments = parser.parse_args()
    machine = choose(TrainConfig(data="none"))
    head = [
        machine_line(machine),
        "",
        f"{FLIPPED:.0%} of the labels flipped to another class at random; {PLANTED} pictures of "
        "each of two or three other packs planted under a random label.",
    ]
    write("planted-labels", machine, [*head, *lines(arguments.seeds, machine, arguments.data)])


if __name__ == "__main__":
    main()
