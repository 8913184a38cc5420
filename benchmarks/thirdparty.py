"""fastai and Lightning on the same pictures, as their own documentation would have it.

Run by a Python that has them (`requirements-thirdparty.txt`), not by medxfer's:

    /tmp/thirdparty/bin/python -m benchmarks.thirdparty fastai --data kermany-cxr-320 --epochs 10
    /tmp/thirdparty/bin/python -m benchmarks.thirdparty lightning --strategy all --precision 32

It starts from the same source weights and reads the splits from the CSV table that
`python -m benchmarks.packs` wrote; it imports nothing of medxfer. Two classes only. Prints one JSON
object, and adds it as a line to `thirdparty.jsonl` of the workspace.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import ResNet, get_model

from benchmarks.outcome import Outcome, PeakMemory

HOME = Path(os.environ.get("MEDXFER_BENCHMARKS") or "/tmp/medxfer-benchmarks")  # noqa: S108
RATES = {"all": 1e-3, "partial": 1e-4, "none": 1e-4}
"""Learning rates of Lightning's strategies, those of the other benchmarks."""


@dataclass(frozen=True)
class Task:
    """What both libraries are given."""

    data: str
    depth: int
    epochs: int
    batch_size: int
    strategy: str
    """`fine_tune` (fastai): one epoch of the head, then everything; `all`: the head alone;
    `partial`: layer4 and head; `none`: everything."""
    precision: str
    """`32`, or `bf16-mixed` (Lightning)."""
    workers: int
    """Processes that decode pictures."""
    seed: int

    def table(self) -> pd.DataFrame:
        """file (absolute), label, split, and `target`: 0 or 1, classes by name."""
        table = pd.read_csv(HOME / f"{self.data}.csv", dtype=str)
        return table.assign(target=table["label"].map(self.classes(table).index))

    @staticmethod
    def classes(table: pd.DataFrame) -> list[str]:
        return sorted(table["label"].unique())

    def class_weights(self) -> Tensor:
        """(2,) weights n / (2 * n_class) over the training part."""
        targets = self.table().query("split == 'train'")["target"]
        counts = targets.value_counts().sort_index()
        return torch.tensor((len(targets) / (2 * counts)).to_numpy(), dtype=torch.float32)

    def network(self) -> ResNet:
        """The source network with its own head, which both libraries replace."""
        record = json.loads((HOME / f"source-{self.depth}.json").read_text())
        state = load_file(record["weights"])
        model = get_model(f"resnet{self.depth}", weights=None, num_classes=len(state["fc.bias"]))
        model.load_state_dict(state)
        return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("library", choices=["fastai", "lightning"])
    parser.add_argument("--data", default="kermany-cxr-320")
    parser.add_argument("--depth", type=int, choices=[18, 50], default=18)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--strategy", choices=["fine_tune", "all", "partial", "none"])
    parser.add_argument("--precision", choices=["32", "bf16-mixed"], default="32")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)) - 1)
    parser.add_argument("--seed", type=int, default=0)
    asked = vars(parser.parse_args())
    library = asked.pop("library")
    strategy = asked.pop("strategy") or ("fine_tune" if library == "fastai" else "all")
    task = Task(strategy=strategy, **asked)
    warnings.filterwarnings("ignore")  # theirs, about versions newer than they know
    load, begin = os.getloadavg()[0], time.monotonic()
    with PeakMemory() as peak:
        if library == "fastai":
            from benchmarks.thirdparty_fastai import run
        else:
            from benchmarks.thirdparty_lightning import run
        seconds, auroc, test = run(task)
    total = time.monotonic() - begin
    best = max(range(len(auroc)), key=auroc.__getitem__) + 1
    images = int((task.table()["split"] == "train").sum()) * len(seconds)
    outcome = Outcome(
        seconds, [*accumulate(seconds)], [*auroc], best, test, peak.bytes, images / sum(seconds)
    )
    line = {"library": library, **asdict(task), **asdict(outcome)}
    line |= {"total_seconds": total, "load_average": load, "threads": torch.get_num_threads()}
    with (HOME / "thirdparty.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line))


if __name__ == "__main__":
    main()
