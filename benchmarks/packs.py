"""The data packs as data sets of a workspace of their own.

`python -m benchmarks.packs` imports what is missing and writes the splits as CSV tables.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd

from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import PARTS, Manifest
from medxfer.files import replacing
from medxfer.paths import Workspace

PACKS = Path(
    os.environ.get("MEDXFER_PACKS") or Path(__file__).resolve().parents[1] / "../shared/data"
).resolve()
"""The folder of the packs."""
HOME = Path(os.environ.get("MEDXFER_BENCHMARKS") or "/tmp/medxfer-benchmarks")  # noqa: S108
"""The workspace; measurements and tables are written beside its data sets and runs."""

TARGETS = {"kermany-cxr-320": "chest_xray", "nih-cxr-320": ""}
"""What is transferred to, and the folder of the pack that is imported."""

SOURCE = "source"
SOURCE_PACKS = {
    "brain-mri-4class": None,
    "skin-ham10000": "lesion_id",
    "retina-4class": "patient_key",
    "histology-lc25000-lung": None,
    "covid-cxr-320": None,
    "brain-mri-2class": None,
}
"""What is transferred from, and the column of its manifest that tells patients apart."""


def workspace() -> Workspace:
    """The workspace of the measurements; made if absent."""
    return Workspace.find(HOME)


def manifest_of(name: str) -> Manifest:
    """The manifest of a target or of `source`, imported on first use.

    The splits are those of the pack's own folders where it has some (Kermany); others are drawn
    by patient with seed 0, as the app does.
    """
    home = workspace()
    if not home.dataset(name).root.is_dir():
        place = _source_table(home) if name == SOURCE else PACKS / name / TARGETS[name]
        import_source(home, place, ImportOptions(name=name))
    return load_manifest(home, name)


def split_table(name: str) -> Path:
    """A CSV table file, label, split of a data set, absolute paths, for other libraries."""
    manifest = manifest_of(name)
    used = manifest.part(*PARTS)
    table = used.table[["label", "split"]].copy()
    table.insert(0, "file", [str(path) for path in used.paths()])
    target = HOME / f"{name}.csv"
    with replacing(target) as temporary:
        table.to_csv(temporary, index=False)
    return target


def _source_table(home: Workspace) -> Path:
    """One table over copies of the source packs' pictures: class is pack and label.

    Copies, since an import takes only files inside the folder of its table and follows no links
    out of it.
    """
    folder = home.root / "source-pictures"
    table = pd.concat([_copied(pack, folder) for pack in SOURCE_PACKS], ignore_index=True)
    target = folder / "source.csv"
    with replacing(target) as temporary:
        table.to_csv(temporary, index=False)
    return target


def _copied(pack: str, folder: Path) -> pd.DataFrame:
    """Copy a pack's pictures; its rows of file, label and patient ("" where nobody knows)."""
    rows = pd.read_csv(PACKS / pack / "manifest.csv", dtype=str, keep_default_na=False)
    for file in rows["file"]:
        copy = folder / pack / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKS / pack / file, copy)
    key = SOURCE_PACKS[pack]
    known = rows[key] if key else pd.Series("", index=rows.index)
    return pd.DataFrame(
        {
            "file": pack + "/" + rows["file"],
            "label": pack + " " + rows["label"],
            "patient": (pack + ":" + known).where(known != "", ""),
        }
    )


def main() -> None:
    for name in (*TARGETS, SOURCE):
        counts = manifest_of(name).counts().sum()
        print(f"{name}: {counts.to_dict()}, {split_table(name)}")


if __name__ == "__main__":
    main()
