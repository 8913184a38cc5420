"""The real packs: counts equal their manifests, and no patient is on both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.paths import Workspace

pytestmark = pytest.mark.data
Pack = Callable[[str], Path]
OPTIONS = ImportOptions(name="set")


def truth(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)


@pytest.mark.parametrize(
    ("name", "inside", "group"),
    [
        ("kermany-cxr-320", "", "patient_key"),
        ("kermany-cxr-320", "chest_xray", "patient_key"),
        ("brain-mri-4class", "", None),
        ("nih-cxr-320", "", "patient_id"),
        ("retina-4class", "", "patient_key"),
        ("skin-ham10000", "", "lesion_id"),
    ],
)
def test_counts_equal_the_manifest(
    pack: Pack, workspace: Workspace, name: str, inside: str, group: str | None
) -> None:
    folder = pack(name)
    expected = truth(folder)
    report = import_source(workspace, folder / inside, OPTIONS)
    manifest = load_manifest(workspace, "set")
    table = manifest.table
    assert report.images == len(table) == len(expected)
    assert not report.skipped
    assert table["label"].value_counts().to_dict() == expected["label"].value_counts().to_dict()
    if group:
        assert report.patients_known
        assert report.patients == expected[group].nunique()
    else:
        assert not report.patients_known
        assert report.patients == report.images
    assert table.groupby("patient")["split"].nunique().max() == 1
    assert (manifest.counts() > 0).all(axis=None)
    if "split" in expected:
        assert report.splits == expected["split"].value_counts().to_dict()
    prefix = f"{inside}/" if inside else ""
    hashes = expected.set_index("file")["sha256"]
    assert (hashes.loc[prefix + table["file"]].to_numpy() == table["sha256"].to_numpy()).all()


def test_nih_patients_come_from_names_too(pack: Pack, workspace: Workspace, tmp_path: Path) -> None:
    expected = truth(pack("nih-cxr-320"))
    for label in ("No_findings", "Pneumonia"):
        (tmp_path / "nih").mkdir(exist_ok=True)
        (tmp_path / "nih" / label).mkdir()
        for file in (pack("nih-cxr-320") / label).iterdir():
            (tmp_path / "nih" / label / file.name).hardlink_to(file)
    report = import_source(workspace, tmp_path / "nih", OPTIONS)
    assert report.patients == expected["patient_id"].nunique()


def test_medmnist_keeps_its_splits(pack: Pack, workspace: Workspace) -> None:
    report = import_source(workspace, pack("medmnist") / "pneumoniamnist.npz", OPTIONS)
    assert report.splits == {"train": 2428, "val": 270, "test": 468}
    assert report.classes == ("normal", "pneumonia")
