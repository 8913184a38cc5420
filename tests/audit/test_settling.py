"""What decisions make of pairs, on tables small enough to judge by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from medxfer.audit.pairs import pair_table
from medxfer.audit.settling import (
    PICTURE_CHECKS,
    copies_to_drop,
    kept_together,
    settled,
    without_kept,
)
from medxfer.data.corrections import Action, Correction, apply
from medxfer.data.manifest import COLUMNS, Manifest, Split

PARTS = ["train", "train", "val", "test", "test", "train"]
LABELS = ["a", "a", "a", "a", "b", "b"]


def manifest() -> Manifest:
    """Pictures 0 to 5 of six patients."""
    table = pd.DataFrame({name: [str(n) for n in range(6)] for name in COLUMNS})
    return Manifest(table.assign(split=PARTS, label=LABELS), ("a", "b"), Path("/"))


def pairs(*ends: tuple[int, int]) -> pd.DataFrame:
    first, second = (np.array(side, dtype=np.int64) for side in zip(*ends, strict=True))
    count = len(ends)
    return pair_table(manifest(), first, second, ["exact"] * count, [""] * count, np.ones(count))


def decided(action: Action, *images: str, **more: object) -> Correction:
    return Correction.model_validate({"action": action, "images": images, "reason": "seen", **more})


def state(ends: tuple[int, int], *made: Correction) -> str:
    now = apply(manifest(), list(made))
    return str(settled(pairs(ends), now, list(made)).iloc[0])


def test_a_pair_stands_as_the_manifest_and_the_decisions_say() -> None:
    assert state((0, 3)) == ""
    assert state((0, 3), decided(Action.EXCLUDE, "3")) == "dropped"
    assert state((0, 3), decided(Action.ONE_SIDE, "0", "3")) == "together"
    assert state((0, 3), decided(Action.KEEP, "3", "0")) == "kept"
    assert state((0, 3), decided(Action.KEEP, "3")) == ""
    undone = Correction(action=Action.UNDO, undoes=1, reason="seen")
    assert state((0, 3), decided(Action.KEEP, "3", "0"), undone) == ""


def test_a_pair_that_differs_in_part_and_class_needs_both() -> None:
    relabelled = decided(Action.RELABEL, "4", label="a")
    assert state((0, 4), relabelled) == ""
    assert state((0, 4), relabelled, decided(Action.ONE_SIDE, "0", "4")) == "together"


def test_a_pair_within_one_part_and_class_stays_open_until_someone_decides() -> None:
    assert state((0, 1)) == ""
    assert state((0, 1), decided(Action.EXCLUDE, "1")) == "dropped"


def test_of_copies_across_parts_those_in_the_last_part_stay() -> None:
    # 0, 1 and 2 are copies of 3, told by a chain of pairs; 4 and 5 are alike in class only.
    dropping = copies_to_drop(pairs((0, 1), (1, 2), (2, 3)), manifest())
    assert set(dropping.images) == {"0", "1", "2"}
    assert dropping.unclear == 0


def test_copies_within_one_part_or_with_different_classes_are_left_alone() -> None:
    dropping = copies_to_drop(pairs((0, 1), (3, 5)), manifest())
    assert dropping.images == ()
    assert dropping.unclear == 1


def test_excluded_copies_are_on_no_side() -> None:
    excluded = apply(manifest(), [decided(Action.EXCLUDE, "3")])
    assert str(Split.EXCLUDED) in set(excluded.table["split"])
    assert copies_to_drop(pairs((0, 3)), excluded).images == ()
    assert copies_to_drop(pairs((0, 3)).head(0), manifest()).images == ()


def test_what_was_kept_is_taken_out_whichever_way_round() -> None:
    kept = kept_together([decided(Action.KEEP, "3", "0"), decided(Action.KEEP, "5")])
    assert len(without_kept(pairs((0, 3), (0, 4)), kept)) == 1
    odd = pd.DataFrame({"image": ["5", "1"], "reason": ["dark", "dark"]})
    assert list(without_kept(odd, kept)["image"]) == ["1"]
    assert list(without_kept(odd.head(0), kept).columns) == ["image", "reason"]


def test_what_a_check_asks_about_is_kept_for_it_only() -> None:
    label = decided(Action.KEEP, "1").model_copy(update={"check": "label_doubts"})
    picture = decided(Action.KEEP, "2").model_copy(update={"check": "quality"})
    anyhow = decided(Action.KEEP, "3")
    made = [label, picture, anyhow]
    assert kept_together(made, "label_doubts") == {frozenset("1"), frozenset("3")}
    assert kept_together(made, *PICTURE_CHECKS) == {frozenset("2"), frozenset("3")}
    assert kept_together(made) == {frozenset("1"), frozenset("2"), frozenset("3")}
