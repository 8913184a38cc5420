"""How long does the audit of a large data set take, step by step, and how much memory?

`python -m benchmarks.audit_growth [--images 1000 10000 100000]` mixes three real radiographs at a
time, each cropped, turned and mirrored at random, into pictures that are no copies of each other:
JPEG files of 320 pixels, two a patient, audited as a new data set. Every size runs in a process of
its own. Needs about 130 KB of disk an image for the time it runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.outcome import PeakMemory, alone
from benchmarks.packs import HOME, PACKS
from benchmarks.report import machine_line, write
from medxfer.audit.audit import run_audit
from medxfer.config import TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.machine import choose
from medxfer.paths import Workspace

_SIDE = 320
_PIECE = 500
_LAYERS = 3
_STEPS = ("import", "Looking at pictures", "Looking for copies", "Trying shortcuts")


@cache
def _sources() -> list[Image.Image]:
    """The pictures of a pack, decoded once in each process."""
    found = []
    for path in sorted((PACKS / "kermany-cxr-320").glob("chest_xray/**/*.jp*g")):
        with Image.open(path) as opened:
            found.append(opened.convert("L"))
    return found


def draw(folder: Path, first: int, count: int) -> None:
    """Write pictures `first`, `first` + 1, …; the same number gives the same picture."""
    sources = _sources()
    for number in range(first, first + count):
        random = np.random.default_rng(number)
        mixed = random.normal(0, 2, (_SIDE, _SIDE))
        for weight in random.dirichlet([2.0] * _LAYERS):
            image = sources[random.integers(len(sources))]
            wide, high = (round(random.uniform(0.4, 0.9) * side) for side in image.size)
            left = int(random.integers(image.width - wide + 1))
            top = int(random.integers(image.height - high + 1))
            part = image.resize((_SIDE, _SIDE), box=(left, top, left + wide, top + high))
            turned = np.rot90(np.asarray(part, dtype=np.float32), random.integers(4))
            mixed += weight * turned[:, :: random.choice([-1, 1])]
        target = folder / ("A", "B")[number // 2 % 2] / f"p{number // 2:06d}-{number % 2}.jpg"
        Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)).save(target, quality=85)


def measure(images: int) -> dict[str, float]:
    """Seconds of every step, bytes held at the most, and pairs that were called copies."""
    home = HOME / "audit-growth"
    shutil.rmtree(home, ignore_errors=True)
    for label in ("A", "B"):
        (home / "pictures" / label).mkdir(parents=True)
    with ProcessPoolExecutor() as pool:
        jobs = [
            pool.submit(draw, home / "pictures", first, min(_PIECE, images - first))
            for first in range(0, images, _PIECE)
        ]
        for job in jobs:
            job.result()
    workspace = Workspace.find(home / "workspace")
    clocks = {"import": time.perf_counter()}
    options = ImportOptions(name="large", patient_pattern=r"(p\d+)-")
    import_source(workspace, home / "pictures", options)

    def tell(step: str, done: int, total: int) -> None:
        clocks.setdefault(step, time.perf_counter())

    with PeakMemory() as peak:
        audit = run_audit(workspace, "large", tell)
    clocks["end"] = time.perf_counter()
    found = {step: end - clocks[step] for step, end in _ends(clocks)}
    found["audit"] = audit.seconds
    found["memory"] = peak.bytes
    found["pairs"] = len(audit.tables["duplicates"]) + len(audit.tables["near_duplicates"])
    shutil.rmtree(home)
    return found


def _ends(clocks: dict[str, float]) -> list[tuple[str, float]]:
    return [(step, clocks[following]) for step, following in pairwise(clocks)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
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
        "Seconds; the whole audit is the three steps behind the import.",
        "",
        "| images | " + " | ".join(step.lower() for step in _STEPS)
        + " | whole audit | images/s | most memory | pairs called copies |",
        "|" + " --- |" * (len(_STEPS) + 5),
    ]  # fmt: skip
    for images in arguments.images:
        found = alone("benchmarks.audit_growth", images)
        cells = [f"{found[step]:,.1f}" for step in _STEPS]
        cells += [f"{found['audit']:,.1f}", f"{images / found['audit']:,.0f}"]
        cells += [f"{found['memory'] / 1e6:,.0f} MB", f"{found['pairs']:,.0f}"]
        lines.append(f"| {images:,} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
        write("audit-growth", machine, lines)


if __name__ == "__main__":
    main()
