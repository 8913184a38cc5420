"""What people decide about single images: recorded, carried out, taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medxfer.data.corrections import Action, Correction, apply, in_force
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import (
    correct,
    dataset_info,
    load_corrections,
    load_manifest,
    resplit,
)
from medxfer.data.manifest import ARRANGED_SPLIT, OWN, Manifest
from medxfer.errors import ConfigError, DataError
from medxfer.paths import Workspace

Write = Callable[[Iterable[str]], Path]
FILES = [
    f"{part}/{label}/{number}_{eye}.png"
    for part, label, numbers in (
        ("train", "A", range(10)), ("train", "B", range(20, 30)),
        ("test", "A", range(10, 14)), ("test", "B", range(30, 34)),
    ) for number in numbers for eye in ("left", "right")
]  # fmt: skip


@pytest.fixture
def eyes(write: Write, workspace: Workspace) -> Workspace:
    """48 pictures of 24 patients, with a given test part; one is there twice, in train and test."""
    source = write(FILES)
    (source / "test/A/10_left.png").write_bytes((source / "train/A/0_left.png").read_bytes())
    import_source(workspace, source, ImportOptions(name="eyes"))
    return workspace


def rows(workspace: Workspace) -> pd.DataFrame:
    return load_manifest(workspace, "eyes").table.set_index("file")


def do(workspace: Workspace, action: Action, *files: str, **more: Any) -> None:
    ids = rows(workspace)["image"]
    images = tuple(str(ids[file]) for file in files)
    new = Correction.parse({"action": action, "images": images, "reason": "seen", **more})
    correct(workspace, "eyes", new)


def test_an_excluded_image_is_used_for_nothing_until_it_is_included(eyes: Workspace) -> None:
    before, file = rows(eyes), "train/A/3_left.png"
    info = dataset_info(eyes, "eyes")
    do(eyes, Action.EXCLUDE, file, check="quality")
    now = dataset_info(eyes, "eyes")
    assert rows(eyes)["split"][file] == "excluded"
    assert now.splits["excluded"] == 1
    assert now.split_hash != info.split_hash
    assert now.manifest_hash == info.manifest_hash
    (kept,) = load_corrections(eyes, "eyes")
    assert (kept.action, kept.check, kept.reason) == (Action.EXCLUDE, "quality", "seen")
    saved = pd.read_csv(eyes.dataset("eyes").splits, dtype=str).set_index("file")
    assert saved["split"][file] == "excluded"
    do(eyes, Action.INCLUDE, file)
    assert rows(eyes)["split"].equals(before["split"])
    assert dataset_info(eyes, "eyes").split_hash == info.split_hash


def test_a_new_label_keeps_the_old_one_beside_it(eyes: Workspace) -> None:
    info, file = dataset_info(eyes, "eyes"), "test/A/11_left.png"
    do(eyes, Action.RELABEL, file, label="B")
    row = rows(eyes).loc[file]
    assert (row["label"], row["original label"]) == ("B", "A")
    now = dataset_info(eyes, "eyes")
    assert now.manifest_hash != info.manifest_hash
    assert now.split_hash == info.split_hash
    assert load_manifest(eyes, "eyes").counts().loc["B", "test"] == 9
    correct(eyes, "eyes", Correction(action=Action.UNDO, undoes=1, reason="it was A"))
    assert dataset_info(eyes, "eyes").manifest_hash == info.manifest_hash
    assert in_force(load_corrections(eyes, "eyes")) == [False, True]


def test_a_moved_image_takes_its_patient_along(eyes: Workspace) -> None:
    do(eyes, Action.MOVE, "train/B/20_left.png", split="val")
    splits = rows(eyes)["split"]
    assert splits["train/B/20_left.png"] == splits["train/B/20_right.png"] == "val"


@pytest.mark.parametrize("side", [None, "train", "test"])
def test_copies_on_one_side_take_their_patients_along(eyes: Workspace, side: str | None) -> None:
    said = dataset_info(eyes, "eyes").split_warnings
    assert any("several parts" in text for text in said)
    do(eyes, Action.ONE_SIDE, "train/A/0_left.png", "test/A/10_left.png", split=side)
    table = rows(eyes)
    assert len(set(table["split"][table["patient"].isin(["0", "10"])])) == 1
    assert side is None or table["split"]["train/A/0_right.png"] == side
    said = dataset_info(eyes, "eyes").split_warnings
    assert not any("several parts" in text for text in said)
    assert any("exact copies" in text for text in said)


def test_an_excluded_copy_is_no_longer_warned_about(eyes: Workspace) -> None:
    do(eyes, Action.EXCLUDE, "train/A/0_left.png")
    assert not any("cop" in text for text in dataset_info(eyes, "eyes").split_warnings)


def test_warnings_about_classes_follow_the_labels(eyes: Workspace) -> None:
    few = [file for file in FILES if "/B/" in file][:22]
    do(eyes, Action.EXCLUDE, *few)
    (warning,) = dataset_info(eyes, "eyes").warnings
    assert warning.startswith("Class 'B' has only 6 images")
    correct(eyes, "eyes", Correction(action=Action.UNDO, undoes=1, reason="too many"))
    assert dataset_info(eyes, "eyes").warnings == ()


def test_drawing_the_splits_anew_keeps_corrections(eyes: Workspace) -> None:
    do(eyes, Action.EXCLUDE, "train/A/3_left.png")
    do(eyes, Action.RELABEL, "train/A/4_left.png", label="B")
    do(eyes, Action.ONE_SIDE, "train/A/0_left.png", "test/A/10_left.png")
    for seed in range(4):
        info = resplit(eyes, "eyes", keep_given=False, seed=seed, test_fraction=0.3)
        table = rows(eyes)
        assert info == dataset_info(eyes, "eyes")
        assert table["split"]["train/A/3_left.png"] == "excluded"
        assert table["label"]["train/A/4_left.png"] == "B"
        used = table[table["split"] != "excluded"]
        assert used.groupby("patient")["split"].nunique().max() == 1
        assert len(set(table["split"][table["patient"].isin(["0", "10"])])) == 1
        assert info.splits == table["split"].value_counts().to_dict()
        assert info.corrections == 3
    do(eyes, Action.INCLUDE, "train/A/3_left.png")
    table = rows(eyes)
    assert table["split"]["train/A/3_left.png"] == table["split"]["train/A/3_right.png"]


def test_what_is_set_aside_by_the_splits_stays_so(write: Write, workspace: Workspace) -> None:
    """Patient 8 is on both given sides; the person chose to set one aside."""
    names = [name for name in FILES if "/10_" not in name] + ["test/A/8_x.png"]
    names = [name.replace("8_x", "8_left") for name in names]
    import_source(workspace, write(names), ImportOptions(name="eyes", set_aside_overlap=True))
    before = dataset_info(workspace, "eyes")
    assert before.splits["excluded"] == 2
    with pytest.raises(DataError, match="the splits set these images aside"):
        do(workspace, Action.INCLUDE, "train/A/8_left.png")
    do(workspace, Action.MOVE, "test/A/8_left.png", split="val")
    splits = rows(workspace)["split"]
    assert (splits["test/A/8_left.png"], splits["train/A/8_left.png"]) == ("val", "excluded")
    after = dataset_info(workspace, "eyes")
    assert after.patients_across_splits == before.patients_across_splits == ("8",)


def test_applying_is_a_function_of_the_originals_and_the_decisions(eyes: Workspace) -> None:
    """Whichever corrections a manifest had, the same list leads to the same manifest."""
    plain = load_manifest(eyes, "eyes")
    ids = plain.table["image"].tolist()
    made = [
        Correction(action=Action.RELABEL, images=(ids[0], ids[1]), label="B", reason="r"),
        Correction(action=Action.EXCLUDE, images=(ids[1], ids[5]), reason="r"),
        Correction(action=Action.RELABEL, images=(ids[0],), label="A", reason="r"),
        Correction(action=Action.UNDO, undoes=2, reason="r"),
    ]
    steps: Manifest = plain
    for last in range(len(made) + 1):
        steps = apply(steps, made[:last])
        if last:
            assert steps.table.equals(apply(plain, made[:last]).table)
    assert steps.table["label"].tolist() == ["A", "B", *plain.table["label"][2:]]
    back = apply(steps, [])
    assert back.content_hash == plain.content_hash
    assert back.split_hash == plain.split_hash
    assert plain is apply(plain, [])
    assert ARRANGED_SPLIT not in plain.table


@pytest.mark.parametrize(
    ("action", "files", "more", "words"),
    [
        ("relabel", ["train/A/3_left.png"], {"label": "C"}, "no class 'C'.*It has: A, B"),
        ("relabel", ["train/A/3_left.png"], {"label": "A"}, "changes nothing"),
        ("include", ["train/A/3_left.png"], {}, "these images are in use"),
        ("undo", [], {"undoes": 3}, "no correction 3"),
    ],
)
def test_what_cannot_be_done_is_not_recorded(
    eyes: Workspace, action: Action, files: list[str], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        do(eyes, action, *files, **more)
    assert load_corrections(eyes, "eyes") == []
    assert "original label" not in rows(eyes)


def test_of_several_corrections_all_or_none_are_made(eyes: Workspace) -> None:
    good = Correction(
        action=Action.EXCLUDE, images=(rows(eyes)["image"].iloc[0],), reason="blurred"
    )
    with pytest.raises(DataError, match="no image 'nobody'"):
        correct(eyes, "eyes", good, good.model_copy(update={"images": ("nobody",)}))
    assert load_corrections(eyes, "eyes") == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"action": "exclude", "images": ["a"], "reason": "  "}, "reason"),
        ({"action": "exclude", "reason": "r"}, "needs images"),
        ({"action": "relabel", "images": ["a"], "reason": "r"}, "needs label"),
        ({"action": "move", "images": ["a"], "reason": "r"}, "needs a part"),
        ({"action": "move", "images": ["a"], "split": "excluded", "reason": "r"}, "needs a part"),
        ({"action": "exclude", "images": ["a"], "split": "val", "reason": "r"}, "takes no part"),
        ({"action": "undo", "images": ["a"], "undoes": 1, "reason": "r"}, "takes no images"),
    ],
)
def test_a_correction_says_all_it_needs(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Correction.parse(values)


def test_a_line_that_was_never_finished_does_not_count(eyes: Workspace) -> None:
    do(eyes, Action.EXCLUDE, "train/A/3_left.png")
    path = eyes.dataset("eyes").corrections
    with path.open("ab") as file:
        file.write(b'{"action": "exclu')
    do(eyes, Action.EXCLUDE, "train/A/5_left.png")
    assert len(load_corrections(eyes, "eyes")) == 2
    path.write_text("{}\n")
    with pytest.raises(DataError, match=r"corrections\.jsonl is damaged"):
        load_corrections(eyes, "eyes")


def test_a_recorded_correction_that_was_not_carried_out_is_made_up_for(eyes: Workspace) -> None:
    """As after a crash between the record and the manifest."""
    manifest = eyes.dataset("eyes").manifest.read_bytes()
    do(eyes, Action.EXCLUDE, "train/A/3_left.png")
    eyes.dataset("eyes").manifest.write_bytes(manifest)
    assert correct(eyes, "eyes").splits["excluded"] == 1
    assert rows(eyes)["split"]["train/A/3_left.png"] == "excluded"


def test_a_source_column_of_our_name_is_given_another(write: Write, workspace: Workspace) -> None:
    files = ["a.png", "b.png", "c.png", "d.png"]
    folder = write(files)
    table = pd.DataFrame({"file": files, "label": list("ABAB"), "original label": list("wxyz")})
    table.to_csv(folder / "table.csv", index=False)
    import_source(workspace, folder, ImportOptions(name="eyes"))
    columns = load_manifest(workspace, "eyes").table.columns
    assert "given original label" in columns
    assert not set(OWN[1:]) & set(columns)
