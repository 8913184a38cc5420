"""Masks and boxes: read as they are meant, or refused in a sentence that names file and fault."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from medxfer.audit.source_columns import source_groups
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import COLUMNS, Manifest
from medxfer.data.marks import BOX, mark_of, marked_rows, marks_hash
from medxfer.data.phantom.generator import generate
from medxfer.errors import DataError
from medxfer.paths import Workspace

SQUARE = np.zeros((40, 60), np.bool_)
SQUARE[5:15, 20:50] = True


def manifest(root: Path, **columns: list[str]) -> Manifest:
    """Rows with these further columns."""
    count = len(next(iter(columns.values())))
    table = pd.DataFrame({name: [f"{name}{row}" for row in range(count)] for name in COLUMNS})
    table["label"] = "ill"
    return Manifest(table.assign(**columns), ("ill", "well"), root)


def one(made: Manifest) -> dict[str, str]:
    return made.table.iloc[0].to_dict()


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_a_mask_is_what_is_brighter_than_half(tmp_path: Path, white: int) -> None:
    kind = np.uint16 if white > 255 else np.uint8
    Image.fromarray((SQUARE * white).astype(kind)).save(tmp_path / "m.png")
    made = manifest(tmp_path, mask=["m.png", ""])
    assert marked_rows(made).tolist() == [True, False]
    np.testing.assert_array_equal(mark_of(made, one(made), 40, 60), SQUARE)


def test_the_noise_of_a_jpeg_around_a_mask_is_not_marked(tmp_path: Path) -> None:
    Image.fromarray(SQUARE.astype(np.uint8) * 255).save(tmp_path / "m.jpg", quality=60)
    made = manifest(tmp_path, mask=["m.jpg"])
    assert (mark_of(made, one(made), 40, 60) != SQUARE).mean() < 0.02


def test_a_black_mask_marks_nothing(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "m.png")
    made = manifest(tmp_path, mask=["m.png"])
    assert not mark_of(made, one(made), 40, 60).any()


def test_a_box_is_filled_and_cut_at_the_edge(tmp_path: Path) -> None:
    columns = dict(zip(BOX, (["20", ""], ["5.2", ""], ["30", ""], ["9.9", ""]), strict=True))
    made = manifest(tmp_path, **columns)
    assert marked_rows(made).tolist() == [True, False]
    np.testing.assert_array_equal(mark_of(made, one(made), 40, 60), SQUARE)
    cut = mark_of(made, one(made), 40, 30)
    assert cut[5:15, 20:].all()
    assert cut.sum() == 100


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("100", "5", "10", "10"), "no pixel"),
        (("-30", "5", "10", "10"), "no pixel"),
        (("1", "1", "0", "10"), "no pixel"),
        (("1", "1", "-5", "10"), "no pixel"),
        (("1", "", "5", "10"), "box_top of file0 is '', not a number"),
        (("1", "nan", "5", "10"), "not a number"),
        (("1", "x", "5", "10"), "not a number"),
    ],
)
def test_a_box_that_is_none_says_so(tmp_path: Path, values: tuple[str, ...], words: str) -> None:
    made = manifest(tmp_path, **dict(zip(BOX, ([value] for value in values), strict=True)))
    with pytest.raises(DataError, match=words):
        mark_of(made, one(made), 40, 60)


def test_a_mask_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    Image.fromarray(SQUARE).save(tmp_path / "outside.png")
    Image.fromarray(SQUARE).save(root / "m.png")
    made = manifest(root, mask=["m.png", "gone.png", "../outside.png"])
    rows = made.table.to_dict("records")
    with pytest.raises(DataError, match=r"m\.png is 60 × 40 pixels, its picture 61 × 40"):
        mark_of(made, rows[0], 40, 61)
    with pytest.raises(DataError, match=r"gone\.png cannot be read"):
        mark_of(made, rows[1], 40, 60)
    with pytest.raises(DataError, match="outside the folder"):
        mark_of(made, rows[2], 40, 60)


def test_a_column_that_names_no_pictures_marks_nothing(tmp_path: Path) -> None:
    made = manifest(tmp_path, mask=["yes", "no", ""])
    assert not marked_rows(made).any()


def test_the_hash_follows_the_marks_alone(tmp_path: Path) -> None:
    made = manifest(tmp_path, mask=["m.png", ""])
    assert marks_hash(made) == marks_hash(manifest(tmp_path, mask=["m.png", ""]))
    assert marks_hash(made) != marks_hash(manifest(tmp_path, mask=["n.png", ""]))
    assert marks_hash(manifest(tmp_path, sex=["F"])) == ""


def test_marks_are_no_shortcut(tmp_path: Path) -> None:
    numbers = [str(number % 7) for number in range(40)]
    made = manifest(tmp_path, **dict.fromkeys(BOX, numbers), mask=[f"{n}.png" for n in numbers])
    groups, left_out = source_groups(made)
    assert groups == []
    assert set(left_out) == {*BOX, "mask"}


def pictures(folder: Path) -> None:
    """Four pictures in `images`, two masks of the same names in `masks`, and their table."""
    generator = np.random.default_rng(0)
    for place in ("images", "masks"):
        (folder / place).mkdir(parents=True)
    for number in range(4):
        pixels = generator.integers(0, 255, (40, 60), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
    for number in (0, 1):
        Image.fromarray(SQUARE).save(folder / "masks" / f"{number}.png")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "pack" / "inner"
    pictures(folder)
    lines = ["file,label,mask"]
    named = ["masks/0.png", str(folder / "masks" / "1.png"), "masks/2.png", ""]
    lines += [f"images/{row}.png,{'ab'[row % 2]},{mask}" for row, mask in enumerate(named)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder.parent


@pytest.mark.parametrize("way", ["folder", "table", "zip"])
def test_masks_of_a_table_are_found_after_import(
    workspace: Workspace, source: Path, tmp_path: Path, way: str
) -> None:
    """The table lies one folder below the root, and its paths start there."""
    place = source
    if way == "table":
        place = source / "inner" / "labels.csv"
    if way == "zip":
        text = (source / "inner" / "labels.csv").read_text()
        (source / "inner" / "labels.csv").write_text(
            text.replace(str(source / "inner" / "masks"), "masks")
        )
        place = Path(shutil.make_archive(str(tmp_path / "pack"), "zip", source))
    report = import_source(workspace, place, ImportOptions(name="x"))
    made = load_manifest(workspace, "x")
    assert report.images == 4
    rows = made.table.sort_values("file").to_dict("records")
    assert marked_rows(made).sum() == 2
    for row in rows[:2]:
        np.testing.assert_array_equal(mark_of(made, row, 40, 60), SQUARE)
    assert [row["mask"] for row in rows[2:]] == ["", ""]
    (warning,) = (text for text in report.warnings if "Masks" in text)
    assert "that are not there: 1, such as masks/2.png" in warning


def test_an_image_is_not_its_own_mask(workspace: Workspace, tmp_path: Path) -> None:
    """A bare name that only the picture itself has."""
    folder = tmp_path / "pack"
    pictures(folder)
    shutil.rmtree(folder / "masks")
    lines = ["file,label,mask"]
    lines += [f"images/{row}.png,{'ab'[row % 2]},{row}.png" for row in range(4)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    import_source(workspace, folder, ImportOptions(name="x"))
    assert not marked_rows(load_manifest(workspace, "x")).any()


def test_masks_in_the_folder_of_the_pictures_are_no_unlisted_ones(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "pack"
    pictures(folder)
    for number in (0, 1):
        (folder / "masks" / f"{number}.png").rename(folder / "images" / f"{number}-seg.png")
    lines = ["file,label,mask"]
    masks = ["images/0-seg.png", "images/1-seg.png", "", ""]
    lines += [f"images/{row}.png,{'ab'[row % 2]},{mask}" for row, mask in enumerate(masks)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    report = import_source(workspace, folder, ImportOptions(name="x"))
    assert not [text for text in report.warnings if "not in the table" in text]
    assert marked_rows(load_manifest(workspace, "x")).sum() == 2


def test_words_in_a_mask_column_stay(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    pictures(folder)
    lines = ["file,label,mask"]
    lines += [f"images/{row}.png,{'ab'[row % 2]},{'yes' if row else 'no'}" for row in range(4)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    report = import_source(workspace, folder, ImportOptions(name="x"))
    assert sorted(load_manifest(workspace, "x").table["mask"]) == ["no", "yes", "yes", "yes"]
    assert not [text for text in report.warnings if "ask" in text]


def test_the_masks_of_phantoms_are_usable(workspace: Workspace, tmp_path: Path) -> None:
    """As the demo data set has them: paths relative to the folder that holds all."""
    rows = generate(tmp_path / "phantoms", patients=4)
    rows.to_csv(tmp_path / "phantoms" / "labels.csv", index=False)
    import_source(workspace, tmp_path / "phantoms", ImportOptions(name="x"))
    made = load_manifest(workspace, "x")
    marked = made.table[marked_rows(made)]
    assert set(marked["label"]) == {"PNEUMONIA"}
    assert len(marked) == (rows["mask"] != "").sum()
    for row in marked.to_dict("records"):
        assert mark_of(made, row, row["height"], row["width"]).any()
