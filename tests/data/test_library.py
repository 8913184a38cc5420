"""The data sets of a workspace: listed, split anew, shown small, removed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from medxfer.data import library
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import (
    clear_abandoned,
    damaged_datasets,
    dataset_info,
    delete_dataset,
    list_datasets,
    load_manifest,
    load_skipped,
    resplit,
)
from medxfer.data.thumbnails import thumbnail
from medxfer.errors import ConfigError, DataError, ImageError
from medxfer.paths import Workspace

Write = Callable[[Iterable[str]], Path]


@pytest.fixture
def source(write: Write) -> Path:
    return write([f"{part}/{c}/{n}_left.png" for part, c, r in (
        ("train", "A", range(10)), ("train", "B", range(20, 30)),
        ("test", "A", range(8, 12)), ("test", "B", range(30, 34)),
    ) for n in r])  # fmt: skip


@pytest.fixture
def chest(source: Path, workspace: Workspace) -> Workspace:
    import_source(workspace, source, ImportOptions(name="chest"))
    return workspace


def test_what_is_listed_is_what_was_imported(chest: Workspace) -> None:
    (info,) = list_datasets(chest)
    assert info == dataset_info(chest, "chest")
    manifest = load_manifest(chest, "chest")
    assert (info.images, info.classes, info.kind) == (28, ("A", "B"), "folder")
    assert info.manifest_hash == manifest.content_hash
    assert info.split_hash == manifest.split_hash
    assert info.splits == manifest.table["split"].value_counts().to_dict()
    assert info.patients_across_splits == ("8", "9")


def test_unknown_names_suggest_the_nearest(chest: Workspace) -> None:
    with pytest.raises(DataError, match="Did you mean 'chest'"):
        dataset_info(chest, "chset")


def test_a_taken_name_is_refused(chest: Workspace, source: Path) -> None:
    with pytest.raises(DataError, match="already a data set called 'chest'"):
        import_source(chest, source, ImportOptions(name="chest"))
    assert len(list_datasets(chest)) == 1


def test_a_damaged_data_set_does_not_hide_the_others(chest: Workspace) -> None:
    chest.dataset("broken").root.mkdir()
    assert [info.name for info in list_datasets(chest)] == ["chest"]
    with pytest.raises(DataError, match="'broken' is damaged"):
        dataset_info(chest, "broken")
    (chest.datasets / ".DS_Store").touch()
    assert damaged_datasets(chest) == ["broken"]
    delete_dataset(chest, "broken")
    assert damaged_datasets(chest) == []
    chest.dataset("chest").manifest.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="'chest' is damaged"):
        load_manifest(chest, "chest")
    chest.dataset("chest").skipped.write_bytes(b"")
    with pytest.raises(DataError, match="list of skipped files cannot be read"):
        load_skipped(chest, "chest")


def test_every_flipped_byte_of_a_manifest_is_noticed_or_harmless(chest: Workspace) -> None:
    path = chest.dataset("chest").manifest
    whole, table = path.read_bytes(), load_manifest(chest, "chest").table
    random = np.random.default_rng(0)
    for place in random.integers(0, len(whole), 150):
        hurt = bytearray(whole)
        hurt[place] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(hurt))
        with suppress(DataError):
            read = load_manifest(chest, "chest").table
            assert read.to_csv() == table.to_csv(), place


def test_splits_can_be_arranged_anew(chest: Workspace) -> None:
    before = dataset_info(chest, "chest")
    agreed = resplit(chest, "chest", set_aside_overlap=True)
    assert agreed == dataset_info(chest, "chest")
    table = load_manifest(chest, "chest").table
    assert agreed.splits["excluded"] == 2
    assert agreed.splits["test"] == before.splits["test"] == 8
    used = table[table["split"] != "excluded"]
    assert used.groupby("patient")["split"].nunique().max() == 1
    assert agreed.split_hash != before.split_hash
    assert agreed.manifest_hash == before.manifest_hash
    saved = pd.read_csv(chest.dataset("chest").splits, dtype=str)
    assert saved["split"].tolist() == table["split"].tolist()
    drawn = resplit(chest, "chest", keep_given=False, seed=3, test_fraction=0.3)
    assert not drawn.patients_across_splits
    assert drawn.options.seed == 3
    back = resplit(chest, "chest", seed=0, test_fraction=0.15, set_aside_overlap=False)
    assert back.split_hash == before.split_hash
    with pytest.raises(ConfigError, match="validation_fraction"):
        resplit(chest, "chest", validation_fraction=2)


def test_deleting_leaves_the_source(chest: Workspace, source: Path) -> None:
    delete_dataset(chest, "chest")
    assert not list_datasets(chest)
    assert not list(chest.staging.iterdir())
    assert len(list(source.rglob("*.png"))) == 28


def test_leftovers_of_dead_imports_are_removed(workspace: Workspace) -> None:
    dead = workspace.staging / "dataset-1-dead"
    dead.mkdir()
    dead.with_suffix(".lock").touch()
    alive = workspace.staging / "dataset-2-alive"
    alive.mkdir()
    holder = subprocess.Popen(
        [
            sys.executable, "-c",
            "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX);"
            "print(1, flush=True); sys.stdin.read()", str(alive.with_suffix(".lock")),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert clear_abandoned(workspace) == 1
        assert not dead.exists()
        assert alive.exists()
        holder.kill()
    assert clear_abandoned(workspace) == 1
    assert not list(workspace.staging.iterdir())


def test_thumbnails_are_small_and_made_once(chest: Workspace, source: Path) -> None:
    row = load_manifest(chest, "chest").table.iloc[0]
    first = thumbnail(chest, "chest", row, side=20)
    assert max(Image.open(BytesIO(first)).size) == 20
    (source / row["file"]).unlink()
    assert thumbnail(chest, "chest", row, side=20) == first
    with pytest.raises(ImageError, match="cannot be read"):
        thumbnail(chest, "chest", row, side=10)


def test_the_demo_is_made_once_and_says_it_is_synthetic(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "DEMO_PATIENTS", 8)
    info = library.ensure_demo(workspace)
    assert info.synthetic
    assert info.kind == "phantom"
    assert info.patients == 8
    assert library.ensure_demo(workspace) == info
    manifest = load_manifest(workspace, library.DEMO)
    assert {"scanner", "mask"} <= set(manifest.table.columns)
    masks = manifest.table["mask"]
    assert all(manifest.path(mask).is_file() for mask in masks[masks != ""])
    assert all(path.is_file() for path in manifest.paths())
