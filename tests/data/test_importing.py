"""Sources of every layout become data sets; what cannot be used is listed."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medxfer.data.importing import ImportOptions, ImportReport, import_source, preview
from medxfer.data.library import load_manifest, load_skipped
from medxfer.data.manifest import COLUMNS
from medxfer.errors import ConfigError, DataError, TableError
from medxfer.files import sha256_of
from medxfer.paths import Workspace

Write = Callable[[Iterable[str]], Path]
OPTIONS = ImportOptions(name="set")


def names(pattern: str, count: int = 6) -> list[str]:
    return [pattern.format(number) for number in range(count)]


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "val", "test"), ("Training", "valid", "TESTING"), ("TRAIN", "Validation", "Test")],
)
def test_split_folders_in_any_spelling(
    write: Write, workspace: Workspace, train: str, val: str, test: str
) -> None:
    counts = {train: 8, val: 3, test: 4}
    files = [f"{p}/{c}/{n}.png" for p, k in counts.items() for c in "AB" for n in range(k)]
    report = import_source(workspace, write(files), OPTIONS)
    assert report.splits == {"train": 16, "val": 6, "test": 8}
    assert report.classes == ("A", "B")
    assert report.images == 30


@pytest.mark.parametrize("wrapper", ["", "pack/", "outer/inner/"])
def test_bare_class_folders_also_inside_wrappers(
    write: Write, workspace: Workspace, wrapper: str
) -> None:
    source = write(names(f"{wrapper}A/{{}}.png") + names(f"{wrapper}B/deep/{{}}.jpg"))
    (source / "README.txt").write_text("read me")
    report = import_source(workspace, source, OPTIONS)
    assert (report.images, report.classes) == (12, ("A", "B"))
    assert not report.patients_known
    assert any("Without patient ids" in warning for warning in report.warnings)
    assert [skip.file for skip in report.skipped] == ["README.txt"]
    manifest = load_manifest(workspace, "set")
    assert manifest.root == source
    assert not workspace.dataset("set").files.exists()


def test_masks_hidden_files_and_litter_are_passed_over(write: Write) -> None:
    source = write(
        [
            *names("A/{}.png"), *names("B/{}.png"), *names("masks/A/{}.png"),
            *names("lung_masks/{}.png"), *names("__MACOSX/A/{}.png"), "A/.hidden.png",
            "A/Thumbs.db", ".git/x.png", "B/1_mask.png",
        ]
    )  # fmt: skip
    found = preview(source, OPTIONS)
    assert found.classes == {"A": 6, "B": 6}
    assert not found.skipped
    assert "masks (6)" in found.warnings[0]


def test_every_unusable_file_is_listed_and_import_goes_on(
    write: Write, workspace: Workspace
) -> None:
    source = write(names("A/{}.png") + names("B/{}.png") + ["B/cut.png"])
    cut = source / "B" / "cut.png"
    cut.write_bytes(cut.read_bytes()[:600])
    (source / "A" / "page.png").write_text("<html></html>")
    (source / "A" / "note.txt").write_text("hello")
    (source / "A" / "link.png").symlink_to("/etc/passwd")
    calls: list[tuple[int, int]] = []
    report = import_source(workspace, source, OPTIONS, lambda *call: calls.append(call))
    assert report.images == 12
    reasons = {skip.file: skip.reason for skip in report.skipped}
    assert set(reasons) == {"B/cut.png", "A/page.png", "A/note.txt", "A/link.png"}
    assert "ends before" in reasons["B/cut.png"]
    assert "web page" in reasons["A/page.png"]
    assert "link" in reasons["A/link.png"]
    assert len(load_skipped(workspace, "set")) == 4
    assert calls[-1] == (15, 15)


def test_names_that_are_no_text_are_listed(write: Write, workspace: Workspace) -> None:
    source = write(names("A/{}.png") + names("B/{}.png"))
    (source / "A" / "0.png").rename(os.fsdecode(os.fsencode(source / "A") + b"/\xff.png"))
    report = import_source(workspace, source, OPTIONS)
    assert report.images == 11
    assert "not valid UTF-8" in report.skipped[0].reason


def test_the_manifest_states_facts(write: Write, workspace: Workspace) -> None:
    source = write([*names("A/{}.png"), *names("B/{}.png")])
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = source / "A" / "turned.jpg"
    Image.fromarray(np.arange(50 * 40, dtype=np.uint8).reshape(50, 40)).save(turned, exif=exif)
    import_source(workspace, source, OPTIONS)
    table = load_manifest(workspace, "set").table.set_index("file")
    row = table.loc["A/turned.jpg"]
    assert (row["width"], row["height"], row["mode"], row["format"]) == (50, 40, "L", "JPEG")
    assert row["bytes"] == turned.stat().st_size
    assert row["modified"] == turned.stat().st_mtime_ns
    assert row["sha256"] == sha256_of(turned)
    assert set(COLUMNS) <= {"file", *table.columns}
    splits = workspace.dataset("set").splits.read_text().splitlines()
    assert splits[0] == "image,file,patient,split"
    assert len(splits) == 14


def test_a_table_at_the_top_is_used_and_said_so(write: Write, workspace: Workspace) -> None:
    source = write(names("images/{}.png", 12))
    lines = [f"images/{n}.png,{'NA' if n % 2 else 'None'},P{n // 2:03d},07\n" for n in range(12)]
    (source / "labels.csv").write_text("file,label,patient_id,age\n" + "".join(lines))
    found = preview(source, OPTIONS)
    assert found.columns == ("file", "label", "patient_id", "age")
    assert found.first_rows[0]["label"] == "None"
    assert found.patients == 6
    for path in (source, source / "labels.csv"):
        report = import_source(workspace, path, ImportOptions(name=path.stem))
        assert report.classes == ("NA", "None")
        assert report.patients == 6
        assert set(load_manifest(workspace, path.stem).table["age"]) == {"07"}
    assert "labels.csv" in found.layout
    assert not any("labels.csv" in text for text in found.warnings)


def test_a_table_without_labels_leaves_the_folders_to_decide(write: Write) -> None:
    source = write(names("A/{}.png") + names("B/{}.png"))
    (source / "metadata.csv").write_text("file,age\nA/0.png,3\n")
    assert preview(source, OPTIONS).classes == {"A": 6, "B": 6}
    (source / "manifest.csv").write_text("file,label\nA/0.png\n")
    with pytest.raises(TableError, match=r"In manifest\.csv, line 2"):
        preview(source, OPTIONS)


@pytest.mark.parametrize("kind", ["folder", "csv", "npz"])
def test_each_also_comes_as_a_zip(
    write: Write, workspace: Workspace, tmp_path: Path, kind: str
) -> None:
    if kind == "npz":
        source = tmp_path / "source"
        source.mkdir()
        save_npz(source / "own.npz")
    else:
        source = write(names("pack/A/{}.png") + names("pack/B/{}.png"))
    if kind == "csv":
        rows = "".join(f"{c}/{n}.png,{c.lower()}\n" for c in "AB" for n in range(6))
        (source / "pack" / "labels.csv").write_text("file,label\n" + rows)
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", source))
    found = preview(packed, OPTIONS)
    report = import_source(workspace, packed, OPTIONS)
    packed.unlink()
    shutil.rmtree(source)
    assert sum(found.classes.values()) == report.images == 12
    assert tuple(found.classes) == report.classes
    manifest = load_manifest(workspace, "set")
    assert manifest.root == workspace.dataset("set").files
    assert all(path.is_file() for path in manifest.paths())


def save_npz(path: Path, **replaced: object) -> None:
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 8), ("val", 2), ("test", 2)):
        arrays[f"{part}_images"] = random.integers(0, 255, (count, 28, 28), np.uint8)
        arrays[f"{part}_labels"] = np.arange(count, dtype=np.uint8).reshape(-1, 1) % 2
    np.savez_compressed(path, **{**arrays, **replaced})


def test_medmnist_pixels_and_splits_are_kept(workspace: Workspace, tmp_path: Path) -> None:
    save_npz(tmp_path / "pneumoniamnist.npz")
    report = import_source(workspace, tmp_path / "pneumoniamnist.npz", OPTIONS)
    assert report.classes == ("normal", "pneumonia")
    assert report.splits == {"train": 8, "val": 2, "test": 2}
    manifest = load_manifest(workspace, "set")
    with np.load(tmp_path / "pneumoniamnist.npz") as arrays:
        for place in range(8):
            stored = np.asarray(Image.open(manifest.path(f"train/{place:06d}.png")))
            assert (stored == arrays["train_images"][place]).all()


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        ({"train_labels": np.zeros((8, 14), np.uint8)}, "14 labels at once"),
        ({"train_images": np.zeros((8, 28, 28, 28), np.uint8)}, "not 8-bit 2D"),
        ({"train_labels": np.array([{}] * 8, dtype=object)}, "cannot be read"),
        ({"train_labels": np.zeros((7, 1), np.uint8)}, "8 images and 7 labels in train"),
        ({"train_labels": np.full((8, 1), 65_536)}, "the label 65536"),
        ({"train_labels": np.full((8, 1), 2**64 - 1, np.uint64)}, "no class number"),
        ({"train_images": np.zeros((8, 0, 28), np.uint8)}, "not 8-bit 2D"),
    ],
)
def test_other_npz_files_are_refused(
    workspace: Workspace, tmp_path: Path, replaced: dict[str, object], words: str
) -> None:
    save_npz(tmp_path / "own.npz", **replaced)
    with pytest.raises(DataError, match=words):
        import_source(workspace, tmp_path / "own.npz", OPTIONS)


def test_npz_files_of_something_else_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(DataError, match=r"other\.npz is no MedMNIST file: .* but weights"):
        import_source(workspace, tmp_path / "other.npz", OPTIONS)


@pytest.mark.parametrize("key", ["train_images", "train_labels"])
def test_an_array_that_declares_more_than_it_holds(
    workspace: Workspace, tmp_path: Path, key: str
) -> None:
    save_npz(tmp_path / "own.npz")
    with zipfile.ZipFile(tmp_path / "own.npz") as file:
        entries = {name: file.read(name) for name in file.namelist()}
    header = BytesIO()
    declared = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 2**10, 2**10)}
    np.lib.format.write_array_header_1_0(header, declared)
    entries[f"{key}.npy"] = header.getvalue()
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    with pytest.raises(DataError, match=f"its array '{key}' declares 1,048,576,000.0 MB"):
        import_source(workspace, tmp_path / "own.npz", OPTIONS)


def test_only_labels_that_occur_are_classes(workspace: Workspace, tmp_path: Path) -> None:
    save_npz(tmp_path / "own.npz", train_labels=np.array([[7], [900]] * 4))
    report = import_source(workspace, tmp_path / "own.npz", OPTIONS)
    assert report.classes == ("class 000", "class 001", "class 007", "class 900")


def test_messages_about_a_zip_name_the_zip(
    write: Write, workspace: Workspace, tmp_path: Path
) -> None:
    packed = shutil.make_archive(str(tmp_path / "flat"), "zip", write(names("{}.png")))
    with pytest.raises(DataError, match=r"flat\.zip has no class folders"):
        import_source(workspace, Path(packed), OPTIONS)


def test_too_little_is_refused_and_leaves_nothing(write: Write, workspace: Workspace) -> None:
    source = write(names("A/{}.png"))
    with pytest.raises(DataError, match="Only one class was found: A"):
        import_source(workspace, source, OPTIONS)
    (source / "B").mkdir()
    (source / "B" / "x.png").write_text("no picture")
    with pytest.raises(DataError, match="Only one class"):
        import_source(workspace, source, OPTIONS)
    with pytest.raises(DataError, match="holds no pictures"):
        import_source(workspace, workspace.cache, OPTIONS)
    with pytest.raises(DataError, match="There is no file or folder"):
        import_source(workspace, source / "gone", OPTIONS)
    assert not list(workspace.datasets.iterdir())
    assert not list(workspace.staging.iterdir())


def test_an_interrupted_import_leaves_nothing(write: Write, workspace: Workspace) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_source(workspace, write(names("A/{}.png") + names("B/{}.png")), OPTIONS, interrupt)
    assert not list(workspace.datasets.iterdir())
    assert not list(workspace.staging.iterdir())


def test_warnings_about_classes_and_copies(write: Write, workspace: Workspace) -> None:
    source = write(names("benign/{}.png", 25) + names("Benign/{}.png", 2) + names("bad/{}.png"))
    shutil.copy(source / "benign" / "0.png", source / "bad" / "copy.png")
    report = import_source(workspace, source, OPTIONS)
    text = " ".join(report.warnings)
    assert "look alike: 'Benign', 'benign'" in text
    assert "'Benign' has 2 patients" in text
    assert "'bad' has only 7 images" in text
    assert "1 pictures are there under different labels" in text
    table = load_manifest(workspace, "set").table
    twins = table[table["file"].isin(["benign/0.png", "bad/copy.png"])]
    assert twins["split"].nunique() == 1


def test_classes_can_be_chosen_and_ordered(write: Write, workspace: Workspace) -> None:
    source = write([f"{c}/{n}.png" for c in "ABC" for n in range(6)])
    report = import_source(workspace, source, ImportOptions(name="set", classes=("C", "A")))
    assert report.classes == ("C", "A")
    assert load_manifest(workspace, "set").counts().index.tolist() == ["C", "A"]
    with pytest.raises(DataError, match="no class 'D'"):
        preview(source, ImportOptions(name="x", classes=("A", "D")))


def test_the_report_survives_json(write: Write, workspace: Workspace) -> None:
    report = import_source(workspace, write(names("A/{}.png") + names("B/{}.png")), OPTIONS)
    values = json.loads(json.dumps(report.to_json()))
    keys = {"name", "images", "classes", "splits", "patients", "skipped"}
    assert keys <= set(values)
    assert ImportReport.from_json(values) == report


def test_who_is_not_known_is_the_image_and_not_its_path(write: Write, workspace: Workspace) -> None:
    source = write([f"{label}/Miller John {n}.png" for label in ("sick", "well") for n in range(8)])
    report = import_source(workspace, source, OPTIONS)
    table = load_manifest(workspace, OPTIONS.name).table
    assert not report.patients_known
    assert table["patient"].tolist() == table["image"].tolist()
    assert not any("by patient" in note for note in report.split_notes)


def test_patients_come_from_one_place() -> None:
    with pytest.raises(ConfigError, match="not from both"):
        ImportOptions.parse({"name": "x", "patient_column": "p", "patient_pattern": "(a)"})
