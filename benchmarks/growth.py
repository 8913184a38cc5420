"""Does the cost grow with the images and nothing else, and does the memory stay?

`python -m benchmarks.growth [--images 1000 10000 …]` shows the same radiographs again and again as
data sets of several sizes (hard links in effect: one file under many names), and measures each step
of the engine on each: decoding, computing features, an epoch over them, and learning from pixels.
Every run is a process of its own, so that its peak memory is its own, and warms up on a few images
first. The runs come in the order given; a size given several times is summed up by its median. The
first run of each size stays, and at last all of them learn from pixels, a few batches in turn: a
slow spell of the machine then meets all sizes alike. Needs about 80 KB of disk an image.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.outcome import Child, held
from benchmarks.packs import HOME, manifest_of
from benchmarks.report import machine_line, write
from medxfer.cache.room import CacheRoom
from medxfer.config import TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.machine import choose
from medxfer.models.freezing import let_learn
from medxfer.models.resnet import build
from medxfer.training.lessons import Lessons
from medxfer.training.loss import build_loss
from medxfer.training.optimiser import build_optimiser
from medxfer.training.plan import plan
from medxfer.training.step import Step

_TURNS, _BATCHES = 8, 6
"""How often each size learns from pixels, and how many batches each time."""
_WARM_UP = 200
_SEEN = 20_000
"""Images that the epochs over features show at least, so that small sizes are timed long enough."""
_ORDER = [1000, 10_000, 1000, 10_000, 100_000, 10_000, 1000]
_STEPS = ("decoding", "features", "epoch over features", "epoch from pixels")


def repeated(manifest: Manifest, images: int) -> Manifest:
    """The training images again and again; every hundredth is for validation."""
    table = manifest.part(Split.TRAIN).table
    table = table.iloc[np.resize(np.arange(len(table)), images)].reset_index(drop=True)
    numbers = np.arange(images)
    splits = np.where(numbers % 100 == 99, str(Split.VALIDATION), str(Split.TRAIN))
    table = table.assign(image=[f"i{number}" for number in numbers], split=splits)
    return replace(manifest, table=table)


def serve(images: int) -> None:
    """Print what the steps over features give as one line of JSON; then, for every line that
    comes in, learn from the pixels of some batches and print images a second and bytes held."""
    folder = HOME / f"growth-{os.getpid()}"
    try:
        _over_features(CacheRoom(folder), _WARM_UP)
        found = _over_features(CacheRoom(folder), images)
        print(json.dumps(found), flush=True)
        lessons, step = _learning(CacheRoom(folder), images, "none")
        times = _times(step, lessons, 9)
        for _ in sys.stdin:
            batches = list(islice(times, _BATCHES))
            rate = sum(size for size, _ in batches) / sum(taken for _, taken in batches)
            print(json.dumps({"epoch from pixels": rate, "memory": held()}), flush=True)
        lessons.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _over_features(room: CacheRoom, images: int) -> dict[str, float]:
    """Images a second of decoding, of computing features, and of learning from them."""
    clock = time.perf_counter()
    begun: dict[str, float] = {}
    lessons, step = _learning(room, images, "all", begun)
    end = time.perf_counter()
    batches = list(_times(step, lessons, max(1, _SEEN // images)))[2:]
    lessons.close()
    return {
        "decoding": images / (begun["features"] - clock),
        "features": images / (end - begun["features"]),
        "epoch over features": sum(size for size, _ in batches)
        / sum(taken for _, taken in batches),
    }


def _learning(
    room: CacheRoom, images: int, strategy: str, begun: dict[str, float] | None = None
) -> tuple[Lessons, Step]:
    """Lessons that are ready, and a step that learns from them; `begun` gets when each step of the
    preparation began."""
    manifest = repeated(manifest_of("kermany-cxr-320"), images)
    values = {"data": "growth", "weights": "none", "epochs": 9, "views": 1, "batch_size": 32}
    config = TrainConfig.parse(values | {"strategy": {"name": strategy}})
    machine = choose(config)
    torch.manual_seed(0)
    model = build(config.depth, 2, config.head).to(memory_format=torch.channels_last)
    model.to(machine.device)
    phase = plan(config)[0]
    let_learn(model, phase.stages)
    lessons = Lessons(model, manifest, config, machine, room, lambda: False)
    for event in lessons.begin(phase):
        if event.kind == "preparing" and begun is not None:
            begun.setdefault(event.step, time.perf_counter())
    optimiser = build_optimiser(model, phase, config.optimiser)
    return lessons, Step(lessons.network, build_loss(config, [0, 1], 2), optimiser, machine)


def _times(step: Step, lessons: Lessons, epochs: int) -> Iterator[tuple[int, float]]:
    """Images and seconds of each batch: fetching and learning together."""
    begin = time.perf_counter()
    for epoch in range(1, epochs + 1):
        for inputs, truth, _ in lessons.train(epoch):
            _, cost = step(inputs, truth)
            float(cost)
            yield len(truth), time.perf_counter() - begin
            begin = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=_ORDER)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        serve(arguments.one)
        return
    machine = choose(TrainConfig(data="none"))
    line = machine_line(machine)
    runs: dict[int, list[dict[str, float]]] = {}
    with ExitStack() as stack:
        staying: dict[int, Child] = {}
        for images in arguments.images:
            child = stack.enter_context(Child("benchmarks.growth", images))
            runs.setdefault(images, []).append(child.answer())
            print(f"{images:,}: {runs[images][-1]}", flush=True)
            if staying.setdefault(images, child) is not child:
                child.end()
        for _ in range(_TURNS):
            for images, child in staying.items():
                found = child.ask()
                runs[images].append(found)
                print(f"{images:,}: {found}", flush=True)
    write("growth", machine, [line, "", *table(runs)])


def table(runs: dict[int, list[dict[str, float]]]) -> list[str]:
    """A row for each size: medians over its runs, against the smallest size, and their range."""
    lines = [
        "Images a second, ResNet-18: the median, in brackets its ratio to the first row, the "
        "lowest and highest run, and how many.",
        "",
        "| images | " + " | ".join(_STEPS) + " | memory held |",
        "|" + " --- |" * (len(_STEPS) + 2),
    ]
    first = runs[min(runs)]
    for images, of_size in sorted(runs.items()):
        cells = []
        for name in _STEPS:
            rates = [run[name] for run in of_size if name in run]
            median = statistics.median(rates)
            ratio = median / statistics.median(run[name] for run in first if name in run)
            between = f"{min(rates):,.0f} to {max(rates):,.0f}"
            cells.append(f"{median:,.0f} ({ratio:.2f}; {between}; n = {len(rates)})")
        memory = max(run.get("memory", 0) for run in of_size)
        lines.append(f"| {images:,} | {' | '.join(cells)} | {memory / 1e6:,.0f} MB |")
    return lines


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
