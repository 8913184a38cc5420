"""Is what does not belong refused, and another hospital's scan let through?

`python -m benchmarks.familiarity [--per-set 100]` trains two networks on each of two radiograph
data sets (one that transfers from the source network, one from random weights), fits the gate of
each as the app does and asks it about pictures it was not fitted on. The source network learned
from the other packs, though not their part in this question; the other one has never seen them.

There are no photographs among the packs. Crops of three that come with scikit-learn and
matplotlib stand in for them. Noise, empty pictures, negatives and tints are made here.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from benchmarks.packs import HOME, PACKS, manifest_of, workspace
from benchmarks.report import machine_line, write
from benchmarks.source import source_network
from medxfer.config import Depth, TrainConfig
from medxfer.data.manifest import Split
from medxfer.data.readers import read_picture
from medxfer.explain.depths import Depths
from medxfer.explain.gate import CONFIDENCE, Gate, Looks, combined, fit
from medxfer.explain.sides import Side
from medxfer.machine import choose
from medxfer.models.preprocessing import to_input
from medxfer.runs.execute import execute
from medxfer.runs.gates import Known, look, looking
from medxfer.runs.loading import LoadedModel, load_model
from medxfer.runs.store import create_run
from medxfer.working import ended

Pixels = NDArray[np.uint8]

DATA = ("kermany-cxr-320", "nih-cxr-320")
STARTS = {"source": "transfer, layer4 learns", "scratch": "random weights, all learns"}
RUNS = HOME / "familiarity-runs.json"
PASSES, REFUSALS = 0.80, 0.95
"""Wished: other hospitals let through, everything else refused, at least."""
CHECKS = tuple(str(side) for side in Side)
VARIANTS = {
    "the gate": ("varied", (*CHECKS, CONFIDENCE)),
    "limit on validation as it is": ("plain", (*CHECKS, CONFIDENCE)),
    "confidence alone (energy)": ("plain", (CONFIDENCE,)),
    "shape alone (layer4)": ("plain", ("shape",)),
    "texture alone (layer2)": ("plain", ("texture",)),
    "texture and shape, varied": ("varied", ("texture", "shape")),
    "layout alone, varied": ("varied", ("layout",)),
    "layout, texture, shape, varied": ("varied", ("layout", "texture", "shape")),
}
"""What the limit is set on, and the checks that count."""


def trained(data: str, start: str) -> str:
    """The run of a network, made on first use."""
    known: dict[str, str] = json.loads(RUNS.read_text()) if RUNS.is_file() else {}
    key = f"{data} {start}"
    if key not in known:
        manifest_of(data)
        transfer = start == "source"
        settings = {
            "data": data,
            "weights": source_network(Depth(18)).weights if transfer else "none",
            "head": {"kind": "linear"},
            "strategy": {"name": "partial" if transfer else "none"},
            "optimiser": {"learning_rate": 1e-4 if transfer else 5e-4},
            "epochs": 8,
            "early_stopping": None,
            "seed": 0,
        }
        run, _ = create_run(workspace(), TrainConfig.parse(settings))
        *_, last = execute(workspace(), run)
        if last.kind != "finished":
            raise RuntimeError(f"The run {run} ended as {last.kind}.")
        known[key] = run
        RUNS.write_text(json.dumps(known, indent=2))
    return known[key]


def kinds(data: str, most: int) -> Iterator[tuple[str, bool | None, list[Pixels]]]:
    """Everything a gate of this data set is asked about."""
    own = _read(manifest_of(data).part(Split.TEST).paths(), most)
    other = next(name for name in DATA if name != data)
    yield "own test part", None, own
    yield f"other hospital: {other}", True, _pack(other, most)
    yield "other hospital: covid-cxr-320", True, _pack("covid-cxr-320", most)
    for name in ("brain-mri-2class", "brain-mri-4class", "skin-ham10000", "retina-4class",
                 "histology-lc25000-lung"):  # fmt: skip
        pictures = _pack(name, most)
        yield name, False, pictures
        if name[0] in "srh":
            yield f"{name}, without colour", None, [_grey(pixels) for pixels in pictures]
    photos = _photos(most)
    yield "photographs (crops of 3)", False, photos
    yield "photographs, without colour", False, [_grey(pixels) for pixels in photos]
    random = np.random.default_rng(0)
    yield "noise, white", False, [_noise(random) for _ in range(most)]
    yield "noise, of all scales", None, [_clouds(random) for _ in range(most)]
    yield "blank", False, [_blank(random, number) for number in range(most)]
    yield "own, inverted", False, [255 - pixels for pixels in own]
    yield "own, tinted", False, [_tinted(random, pixels) for pixels in own]
    yield "own, far too dark", None, [(pixels * 0.4).astype(np.uint8) for pixels in own]
    yield "own, upside down", None, [pixels[::-1].copy() for pixels in own]
    yield "own, on its side", None, [np.rot90(pixels).copy() for pixels in own]


def ask(depths: Depths, pictures: Sequence[Pixels]) -> Looks:
    """What the checks go by, 16 pictures at a time."""
    found = []
    for at in range(0, len(pictures), 16):
        inputs = torch.stack([to_input(pixels) for pixels in pictures[at : at + 16]])
        found.append(look(depths, inputs)[0])
    together = {side: np.concatenate([one.sides[side] for one in found]) for side in Side}
    return Looks(together, np.concatenate([one.energy for one in found]))


def own_looks(loaded: LoadedModel) -> Known:
    """What the network makes of its own scans."""
    manifest = manifest_of(loaded.config.data)
    return ended(looking(workspace(), Depths(loaded.model), manifest))


def refused(known: Gate, own: Known, looks: Looks) -> dict[str, float]:
    """Shares refused, by variant."""
    found = {}
    for name, (limit_on, checks) in VARIANTS.items():
        reference = own.varied if limit_on == "varied" else own.validation
        usual, asked = (_of(known.scores(one), checks) for one in (reference, looks))
        rank = min(len(usual), math.ceil(0.95 * (len(usual) + 1)))
        found[name] = float((asked > np.sort(usual)[rank - 1]).mean())
    return found


def _of(scores: dict[str, NDArray[np.float64]], checks: tuple[str, ...]) -> NDArray[np.float64]:
    return combined({name: scores[name] for name in checks})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--per-set", type=int, default=100)
    most = parser.parse_args().per_set
    home, tables, short = workspace(), list[str](), list[str]()
    asked = {data: list(kinds(data, most)) for data in DATA}
    for data in DATA:
        for start, words in STARTS.items():
            loaded = load_model(home, trained(data, start))
            own, depths = own_looks(loaded), Depths(loaded.model)
            known = fit(own.training, own.images, own.labels, own.validation, own.varied)
            rows = [
                {"pictures": name, "n": len(looks), "as wished": "", **refused(known, own, looks)}
                for name, looks in (("validation", own.validation), ("varied", own.varied))
            ]
            for name, wished, pictures in asked[data]:
                shares = refused(known, own, ask(depths, pictures))
                kept = _kept(wished, shares["the gate"])
                rows.append({"pictures": name, "n": len(pictures), "as wished": kept, **shares})
            table = pd.DataFrame(rows)
            tables += [f"## {data}, {words}", "", _markdown(table), ""]
            missed = table.loc[table["as wished"] == "no", "pictures"].tolist()
            short.append(f"- {data}, {words}: {', '.join(missed) or 'everything as wished'}")
            print(short[-1], flush=True)
    head = [
        "# Is this scan familiar?",
        "",
        machine_line(choose(TrainConfig(data=DATA[0]))),
        "",
        "Shares refused, by the gate and by what was tried beside it; each variant refuses 5 % of "
        "what its limit was set on: validation as it is, or varied (as other devices might show "
        f"it). Wished of the gate: other hospitals at most {1 - PASSES:.0%}, the "
        f"others with yes or no at least {REFUSALS:.0%}. "
        "Rows without either are told only. At most "
        f"{most} pictures a row; photographs are crops of three pictures.",
        "",
        "The variations of the limit and the checks were chosen on these packs, so these figures "
        "flatter; the gates were fitted on the data set above each table alone.",
        "",
        "Not as wished:",
        "",
        *short,
        "",
    ]
    write("familiarity", choose(TrainConfig(data=DATA[0])), head + tables)


def _kept(wished: bool | None, share: float) -> str:
    if wished is None:
        return ""
    return "yes" if (share <= 1 - PASSES if wished else share >= REFUSALS) else "no"


def _markdown(table: pd.DataFrame) -> str:
    lines = [f"| {' | '.join(table.columns)} |", f"|{' --- |' * len(table.columns)}"]
    for row in table.itertuples(index=False):
        cells = [f"{cell:.0%}" if isinstance(cell, float) else str(cell) for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _read(paths: Sequence[Path], most: int) -> list[Pixels]:
    chosen = np.random.default_rng(0).permutation(len(paths))[:most]
    return [read_picture(paths[place]).pixels for place in np.sort(chosen)]


def _pack(name: str, most: int) -> list[Pixels]:
    files = pd.read_csv(PACKS / name / "manifest.csv", dtype=str, keep_default_na=False)["file"]
    return _read([PACKS / name / file for file in files], most)


def _photos(most: int) -> list[Pixels]:
    hopper = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    photos = [*load_sample_images().images, np.array(Image.open(hopper).convert("RGB"))]
    random, crops = np.random.default_rng(0), []
    for number in range(most):
        photo = photos[number % len(photos)]
        side = int(random.uniform(0.35, 1) * min(photo.shape[:2]))
        top, left = (int(random.integers(0, edge - side + 1)) for edge in photo.shape[:2])
        crops.append(photo[top : top + side, left : left + side].copy())
    return crops


def _grey(pixels: Pixels) -> Pixels:
    return np.repeat(np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None], 3, axis=2)


def _tinted(random: np.random.Generator, pixels: Pixels) -> Pixels:
    tint = random.uniform(0.6, 1, 3)
    return (pixels * (tint / tint.max())).astype(np.uint8)


def _noise(random: np.random.Generator) -> Pixels:
    channels = int(random.choice([1, 3]))
    return _eight_bits(random.normal(128, 45, (256, 256, channels)))


def _clouds(random: np.random.Generator) -> Pixels:
    """Noise whose amplitude falls with a power of the frequency, as in natural pictures."""
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(random.normal(size=(256, 256)))
    made = np.fft.ifft2(spectrum / frequency ** random.uniform(0.8, 1.8)).real
    return _eight_bits(128 + 45 * (made - made.mean())[:, :, None] / made.std())


def _blank(random: np.random.Generator, number: int) -> Pixels:
    """Black, white, grey, or a ramp, each with a little noise."""
    flat = np.ones((256, 256, 1))
    ramp = np.linspace(random.uniform(0, 100), random.uniform(150, 255), 256)[:, None, None]
    ground = (20, 235, random.uniform(60, 190), ramp)[number % 4]
    return _eight_bits(flat * ground + random.normal(0, random.uniform(0.5, 4), flat.shape))


def _eight_bits(values: NDArray[np.float64]) -> Pixels:
    clipped = np.clip(values, 0, 255).astype(np.uint8)
    return np.repeat(clipped, 3 // clipped.shape[2], axis=2)


if __name__ == "__main__":
    main()
