"""Does the engine learn as well as the plain loop? The same settings, several seeds, both.

`python -m benchmarks.accuracy plain|ours --data NAME --strategy NAME ...` adds one JSON line a run
to `accuracy.jsonl` of the workspace; runs that are there are not repeated.
`python -m benchmarks.accuracy table` prints what came of it and keeps it in `results`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd
import torch
from torchvision.models import ResNet

from benchmarks.outcome import Outcome
from benchmarks.packs import HOME, TARGETS, manifest_of, workspace
from benchmarks.report import machine_line, write
from benchmarks.source import source_network
from medxfer.config import Depth, Preset, TrainConfig
from medxfer.data.manifest import Manifest
from medxfer.machine import choose
from medxfer.models.resnet import build
from medxfer.models.weights.load import apply, load_weights

RESULTS = HOME / "accuracy.jsonl"
RATES = {"all": 1e-3, "partial": 1e-4, "none": 1e-4}
"""Initial learning rates by strategy; `progressive` has its own, by phase."""

_SETTING = ["data", "strategy", "depth", "epochs", "preset"]
"""What a plain and an own run must share to be compared."""
_KEY = ["engine", *_SETTING, "seed", "views"]
"""What makes a line of its own."""

Engine = Callable[[ResNet, Manifest, TrainConfig], Outcome]


def settings(
    data: str,
    strategy: str,
    *,
    depth: int = 18,
    epochs: int = 10,
    seed: int = 0,
    preset: str = Preset.RADIOGRAPH,
    views: int | None = None,
) -> TrainConfig:
    """The settings of a measured run: linear head, class weights, batches of 32, all epochs.

    `views` is given on only if set, to an engine that has such a setting.

    Raises:
        ConfigError: a value is out of its range, or there is no such setting.
    """
    values: dict[str, Any] = {
        "data": data,
        "depth": depth,
        "weights": source_network(Depth(depth)).weights,
        "head": {"kind": "linear"},
        "strategy": {"name": strategy},
        "optimiser": {"learning_rate": RATES.get(strategy, 1e-4)},
        "epochs": epochs,
        "batch_size": 32,
        "early_stopping": None,
        "preset": preset,
        "seed": seed,
    }
    return TrainConfig.parse(values if views is None else values | {"views": views})


def network(config: TrainConfig, classes: int) -> ResNet:
    """The network before its first step: the source's backbone, a head drawn from the seed."""
    torch.manual_seed(config.seed)
    model = build(config.depth, classes, config.head)
    apply(model, load_weights(config.weights, config.depth, workspace()))
    return model


def measure(engine: str, wanted: dict[str, Any]) -> None:
    """Carry out one run and add its line, unless it is there."""
    key = {"engine": engine} | wanted
    if any(all(line.get(name) == key[name] for name in _KEY) for line in _lines()):
        return
    config = settings(**wanted)
    manifest = manifest_of(config.data)
    load, begin = os.getloadavg()[0], time.monotonic()
    outcome = _engine(engine)(network(config, len(manifest.classes)), manifest, config)
    line = key | {
        "auroc": outcome.auroc,
        "best_epoch": outcome.best_epoch,
        "test_auroc": outcome.test_auroc,
        "seconds": round(time.monotonic() - begin, 2),
        "epoch_seconds": [round(seconds, 2) for seconds in outcome.seconds],
        "load_average": round(load, 2),
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def table() -> str:
    """The runs so far as Markdown: test AUROC of both engines, mean and spread over the seeds.

    The spread is the standard deviation of a sample (n - 1). "yes" is a mean of ours that is at
    least the plain mean minus that spread.
    """
    lines = pd.DataFrame(_lines(), columns=[*_KEY, "test_auroc"])
    plain = _over_seeds(lines[lines["engine"] == "plain"], _SETTING)
    ours = _over_seeds(lines[lines["engine"] == "ours"], [*_SETTING, "views"])
    both = plain.merge(ours, on=_SETTING, how="outer", suffixes=("", " of ours"))
    both["holds"] = both["mean of ours"] >= both["mean"] - both["std"]
    head = [
        *_SETTING,
        "views",
        "plain",
        "spread",
        "seeds",
        "ours",
        "seeds",
        "ours ≥ plain − spread",
    ]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(rows + [_row(line) for line in both.to_dict("records")])


def _over_seeds(lines: pd.DataFrame, setting: list[str]) -> pd.DataFrame:
    """Mean, std and count of the test AUROC by setting."""
    grouped = lines.astype({"test_auroc": float}).groupby(setting, dropna=False)
    return grouped["test_auroc"].agg(["mean", "std", "count"]).reset_index()


def _row(line: dict[Hashable, Any]) -> str:
    """One line of the table; a dash where there is nothing to say."""
    both = pd.notna(line["std"]) and pd.notna(line["mean of ours"])
    cells = [
        *(str(line[name]) for name in _SETTING),
        _number(line["views"], ".0f"),
        _number(line["mean"], ".4f"),
        _number(line["std"], ".4f"),
        _number(line["count"], ".0f"),
        _number(line["mean of ours"], ".4f"),
        _number(line["count of ours"], ".0f"),
        ("yes" if line["holds"] else "NO") if both else "—",
    ]
    return "| " + " | ".join(cells) + " |"


def _number(value: float, form: str) -> str:
    return "—" if pd.isna(value) else format(value, form)


def _lines() -> list[dict[str, Any]]:
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def _engine(name: str) -> Engine:
    """The engine of this name; only that one is imported, so that the other may be in pieces."""
    if name == "plain":
        from benchmarks.plain import run_plain

        return run_plain
    from benchmarks.ours import run_ours

    return run_ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["plain", "ours", "table"])
    parser.add_argument("--data", choices=list(TARGETS), default="kermany-cxr-320")
    parser.add_argument(
        "--strategy", choices=["all", "partial", "none", "progressive"], default="all"
    )
    parser.add_argument("--depth", type=int, choices=[18, 50], default=18)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--preset", choices=list(Preset), default=Preset.RADIOGRAPH)
    parser.add_argument("--views", type=int, help="for ours: stored variations a picture")
    asked = vars(parser.parse_args())
    what, seeds = asked.pop("what"), asked.pop("seeds")
    if what == "table":
        machine = choose(TrainConfig(data="none"))
        write("accuracy", machine, [machine_line(machine), "", table()])
        return
    if what == "plain" and asked["views"] is not None:
        parser.error("the plain loop varies every picture anew: --views is for ours")
    for seed in seeds:
        measure(what, asked | {"seed": seed, "preset": str(asked["preset"])})


if __name__ == "__main__":
    main()
