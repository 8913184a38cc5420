"""Does the cost grow with the images and nothing else, and does the memory stay?

`python -m benchmarks.growth [--images 1000 10000 100000]` shows the same radiographs again and
again as data sets of several sizes (hard links in effect: one file under many names), and measures
each step of the engine on each: decoding, computing features, an epoch over them, and an epoch of
learning from pixels, of which only the first batches are taken. Every size runs in a process of its
own, so that its peak memory is its own. Needs about 80 KB of disk an image for the time it runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.outcome import alone, held
from benchmarks.packs import HOME, manifest_of
from benchmarks.report import machine_line, write
from medxfer.cache.room import CacheRoom
from medxfer.config import Stage, TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.machine import choose
from medxfer.models.freezing import let_learn
from medxfer.models.resnet import build
from medxfer.training.lessons import Lessons
from medxfer.training.loss import build_loss
from medxfer.training.optimiser import build_optimiser
from medxfer.training.plan import plan
from medxfer.training.step import Step

_BATCHES = 24
_STEPS = ("decoding", "features", "epoch over features", "epoch from pixels")


def repeated(manifest: Manifest, images: int) -> Manifest:
    """The training images again and again; every hundredth is for validation."""
    table = manifest.part(Split.TRAIN).table
    table = table.iloc[np.resize(np.arange(len(table)), images)].reset_index(drop=True)
    numbers = np.arange(images)
    splits = np.where(numbers % 100 == 99, str(Split.VALIDATION), str(Split.TRAIN))
    table = table.assign(image=[f"i{number}" for number in numbers], split=splits)
    return replace(manifest, table=table)


def measure(images: int) -> dict[str, float]:
    """Images a second of every step, and bytes held at the end."""
    folder = HOME / "growth"
    shutil.rmtree(folder, ignore_errors=True)
    room = CacheRoom(folder)
    manifest = repeated(manifest_of("kermany-cxr-320"), images)
    values = {"data": "growth", "weights": "none", "epochs": 9, "views": 1, "batch_size": 32}
    found: dict[str, float] = {}
    for strategy in ("all", "none"):
        config = TrainConfig.parse(values | {"strategy": {"name": strategy}})
        machine = choose(config)
        torch.manual_seed(0)
        model = build(config.depth, 2, config.head).to(memory_format=torch.channels_last)
        model.to(machine.device)
        phase = plan(config)[0]
        let_learn(model, phase.stages)
        lessons = Lessons(model, manifest, config, machine, room, lambda: False)
        clock = time.perf_counter()
        begun: dict[str, float] = {}
        for event in lessons.begin(phase):
            if event.kind == "preparing":
                begun.setdefault(event.step, time.perf_counter())
        end = time.perf_counter()
        if strategy == "all":
            found["decoding"] = images / (begun["features"] - clock)
            found["features"] = images / (end - begun["features"])
        loss = build_loss(config, [0, 1], 2)
        optimiser = build_optimiser(model, phase, config.optimiser)
        step = Step(lessons.network, loss, optimiser, machine)
        first = phase.stages[0]
        batches = list(islice(_times(step, lessons), 2, None if first is Stage.HEAD else _BATCHES))
        name = "epoch over features" if first is Stage.HEAD else "epoch from pixels"
        found[name] = sum(size for size, _ in batches) / sum(taken for _, taken in batches)
        lessons.close()
    found["memory"] = held()
    shutil.rmtree(folder)
    return found


def _times(step: Step, lessons: Lessons) -> Iterator[tuple[int, float]]:
    """Images and seconds of each batch: fetching and learning together."""
    batches = lessons.train(1)
    while True:
        begin = time.perf_counter()
        try:
            inputs, truth, _ = next(batches)
        except StopIteration:
            return
        _, cost = step(inputs, truth)
        float(cost)
        yield len(truth), time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    machine = choose(TrainConfig(data="none"))
    lines = [
        machine_line(machine),
        "",
        "Images a second, ResNet-18; in brackets against the first row.",
        "",
        "| images | " + " | ".join(_STEPS) + " | memory held |",
        "|" + " --- |" * (len(_STEPS) + 2),
    ]
    first: dict[str, float] = {}
    for images in arguments.images:
        found = alone("benchmarks.growth", images)
        first = first or found
        cells = [f"{found[name]:,.0f} ({found[name] / first[name]:.2f})" for name in _STEPS]
        cells.append(f"{found['memory'] / 1e6:,.0f} MB")
        lines.append(f"| {images:,} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    write("growth", machine, lines)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
