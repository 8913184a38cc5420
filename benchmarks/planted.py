"""Are planted faults found, and is what is reported true?

`python -m benchmarks.planted [--each 20] [--packs kermany-cxr-320 ...]` plants changed
copies of real pictures among the pictures of each pack, searches, and prints by kind how many were
found. Pairs that were not planted are saved side by side, worst score first, as
`<home>/planted/<pack>-others.png`: whether they are one picture is for eyes to say.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from benchmarks.packs import HOME, PACKS
from benchmarks.planting import KINDS, Planted, plant
from benchmarks.report import machine_line, write
from medxfer.audit.appearance import appearance
from medxfer.audit.duplicates import near_duplicates
from medxfer.audit.exact import exact_duplicates
from medxfer.audit.pairs import groups
from medxfer.audit.quality import quality
from medxfer.cache.room import CacheRoom
from medxfer.config import TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.machine import choose
from medxfer.paths import Workspace
from medxfer.working import ended

_PACKS = ("kermany-cxr-320", "nih-cxr-320", "skin-ham10000", "brain-mri-2class")
_SHOWN = 24
_SIDE = 200


def planted_in(pack: str, folder: Path, each: int, limit: int | None = None) -> Planted:
    """The pictures of a pack (the first `limit`) with planted copies, written into a folder."""
    table = pd.read_csv(PACKS / pack / "manifest.csv", dtype=str, keep_default_na=False)
    table = table if limit is None else table.sample(limit, random_state=0)
    return plant(
        [PACKS / pack / file for file in table["file"]], list(table["label"]), folder, each
    )


def searched(planted: Planted, home: Path) -> tuple[Manifest, pd.DataFrame, dict[str, float]]:
    """Import, look and search; the manifest, all pairs with file names, and seconds a step."""
    workspace = Workspace.find(home)
    import_source(workspace, planted.folder, ImportOptions(name="planted"))
    manifest = load_manifest(workspace, "planted")
    with PixelStore(CacheRoom(workspace.cache), manifest) as store:
        rows = np.arange(len(manifest))
        clocks = [time.perf_counter()]
        ended(store.fill(rows))
        clocks.append(time.perf_counter())
        looks = ended(appearance(store, rows))
        clocks.append(time.perf_counter())
        exact = exact_duplicates(manifest, looks)
        clocks.append(time.perf_counter())
        near = ended(near_duplicates(manifest, looks, store, exact))
        clocks.append(time.perf_counter())
        reported = quality(manifest, looks)
        clocks.append(time.perf_counter())
    steps = ("decoding", "looking", "exact", "near", "quality")
    seconds = dict(zip(steps, np.diff(clocks).tolist(), strict=True))
    seconds["reported"] = float(reported["image"].nunique())
    pairs = pd.concat([exact, near], ignore_index=True)
    files = manifest.table.set_index("image")["file"]
    pairs = pairs.assign(one=pairs["first"].map(files), two=pairs["second"].map(files))
    return manifest, pairs, seconds


def recall(planted: Planted, pairs: pd.DataFrame) -> pd.DataFrame:
    """By kind: copies planted, those found (in one group with their original), as which kind."""
    named = pairs[["one", "two"]].rename(columns={"one": "first", "two": "second"})
    group = {file: number for number, files in enumerate(groups([named])) for file in files}
    copies = planted.copies
    linked = [
        group.get(one, -1) == group.get(two, -2)
        for one, two in zip(copies["original"], copies["copy"], strict=True)
    ]
    kinds = {frozenset(ends): kind for *ends, kind in pairs[["one", "two", "kind"]].to_numpy()}
    direct = [
        kinds.get(frozenset(ends), "") for ends in copies[["original", "copy"]].to_numpy().tolist()
    ]
    found = copies.assign(found=linked, exact=[kind == "exact" for kind in direct])
    return found.groupby("kind", sort=False).agg(
        n=("found", "size"), found=("found", "sum"), exact=("exact", "sum")
    )


def others(planted: Planted, pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs that follow from nothing planted: neither original and copy nor two copies."""
    source = dict(zip(planted.copies["copy"], planted.copies["original"], strict=True))
    one, two = (pairs[end].map(lambda file: source.get(file, file)) for end in ("one", "two"))
    return pairs[one != two]


def side_by_side(pairs: pd.DataFrame, folder: Path, target: Path) -> None:
    """Save pairs as one picture to be looked at, lowest score first."""
    shown = pairs.sort_values("score").head(_SHOWN)
    height = -(-len(shown) // 4) * (_SIDE + 14)
    sheet = Image.new("RGB", (8 * _SIDE + 40, max(1, height)), "grey")
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(shown.itertuples()):
        left, top = number % 4 * (2 * _SIDE + 10), number // 4 * (_SIDE + 14)
        words = f"{row.score:.2f} {row.kind} {row.changes} {row.one[-18:]} {row.two[-18:]}"
        draw.text((left, top), words, fill="white", font_size=10)
        for place, file in enumerate((row.one, row.two)):
            with Image.open(folder / str(file)) as image:
                small = image.convert("RGB").resize((_SIDE, _SIDE))
            sheet.paste(small, (left + place * _SIDE, top + 14))
    sheet.save(target)


def duplicates(packs: list[str], each: int) -> list[str]:
    """One row a pack and kind of copy, then what else was reported and how long it took."""
    lines = [
        "| pack | kind of copy | planted | found | reported as exact |",
        "|---|---|---|---|---|",
    ]
    more = [
        "| pack | pictures | pairs | not planted | pictures/s decoded | looked at | s near search |"
        " reported by quality |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for pack in packs:
        home = HOME / "planted" / pack
        shutil.rmtree(home, ignore_errors=True)
        planted = planted_in(pack, home / "pictures", each)
        manifest, pairs, seconds = searched(planted, home / "workspace")
        for kind, row in recall(planted, pairs).iterrows():
            lines.append(f"| {pack} | {kind} | {row['n']} | {row['found']} | {row['exact']} |")
        rest = others(planted, pairs)
        side_by_side(rest, planted.folder, HOME / "planted" / f"{pack}-others.png")
        rates = [len(manifest) / seconds[step] for step in ("decoding", "looking")]
        more.append(
            f"| {pack} | {len(manifest):,} | {len(pairs):,} | {len(rest):,} | {rates[0]:.0f} |"
            f" {rates[1]:.0f} | {seconds['near']:.1f} | {seconds['reported']:.0f} |"
        )
        print(lines[-len(KINDS) :], more[-1], flush=True)
    return [*lines, "", *more]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=20, help="copies of each kind in each pack")
    parser.add_argument("--packs", nargs="+", default=list(_PACKS))
    asked = parser.parse_args()
    machine = choose(TrainConfig(data="none"))
    head = [
        machine_line(machine),
        "",
        f"{asked.each} copies of each kind planted in each pack.",
        "",
    ]
    write("planted-copies", machine, [*head, *duplicates(asked.packs, asked.each)])


if __name__ == "__main__":
    main()
