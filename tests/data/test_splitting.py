"""Splits: stratified, by patient, seeded; given ones respected."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medxfer.data.arrangement import arrange
from medxfer.data.manifest import Split
from medxfer.data.options import ImportOptions
from medxfer.data.splits import draw, joined
from medxfer.errors import ConfigError

SHARES = {Split.TRAIN: 0.7, Split.VALIDATION: 0.15, Split.TEST: 0.15}
OPTIONS = ImportOptions(name="x")


def text(values: object) -> pd.Series[str]:
    return pd.Series(list(values), dtype="str")


# One entry a patient: class and number of images.
people = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=60)


def rows(patients: list[tuple[int, int]]) -> tuple[pd.Series[str], pd.Series[str]]:
    flat = [(f"c{c}", f"p{n}") for n, (c, images) in enumerate(patients) for _ in range(images)]
    return text(label for label, _ in flat), text(patient for _, patient in flat)


@settings(max_examples=80, deadline=None)
@given(people, st.integers(0, 9))
def test_no_patient_straddles_and_every_class_is_everywhere(
    patients: list[tuple[int, int]], seed: int
) -> None:
    labels, ids = rows(patients)
    splits = draw(labels, ids, SHARES, seed)
    assert splits.groupby(ids).nunique().max() == 1
    for label in labels.unique():
        mine = labels == label
        if ids[mine].nunique() >= 3:
            assert splits[mine].nunique() == 3
    assert splits.equals(draw(labels, ids, SHARES, seed))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=40))
def test_patients_with_several_classes_do_not_straddle(patients: list[list[str]]) -> None:
    labels = text(label for patient in patients for label in patient)
    ids = text(f"p{n}" for n, patient in enumerate(patients) for _ in patient)
    assert draw(labels, ids, SHARES, 0).groupby(ids).nunique().max() == 1


def test_parts_have_their_share_of_every_class_and_the_seed_matters() -> None:
    random = np.random.default_rng(1)
    labels, ids = rows([(int(c), int(n)) for c, n in zip(
        random.choice(4, 600, p=[0.6, 0.25, 0.1, 0.05]), random.integers(1, 8, 600), strict=True
    )])  # fmt: skip
    splits = draw(labels, ids, SHARES, 0)
    shares = pd.crosstab(labels, splits, normalize="index")
    for part, share in SHARES.items():
        assert (shares[str(part)] - share).abs().max() < 0.03
    assert not splits.equals(draw(labels, ids, SHARES, 1))


def test_a_hundred_thousand_rows_are_drawn_in_seconds() -> None:
    random = np.random.default_rng(0)
    labels = text(map(str, random.integers(0, 14, 100_000)))
    ids = text(map(str, random.integers(0, 30_000, 100_000)))
    began = time.monotonic()
    draw(labels, ids, SHARES, 0)
    assert time.monotonic() - began < 10


def test_copies_join_their_patients() -> None:
    groups = joined(text("abcde"), text(["1", "2", "1", "3", "2"]))
    assert groups.tolist() == ["a", "b", "a", "d", "b"]


def made(parts: dict[str, int], classes: int = 2, per_patient: int = 2) -> pd.DataFrame:
    """`parts` gives images of each class by part; patients are of one class and part."""
    entries = [
        (part, f"c{c}", f"{part}-{c}-{n // per_patient}")
        for part, images in parts.items()
        for c in range(classes)
        for n in range(images)
    ]
    return pd.DataFrame(entries, columns=["split", "label", "patient"]).astype("str")


def arranged(table: pd.DataFrame, **options: object) -> tuple[pd.Series[str], object]:
    chosen = ImportOptions(name="x", **options)
    found = arrange(table["label"], table["patient"], table["split"], chosen, known=True)
    return found.splits, found


def test_complete_splits_are_kept() -> None:
    table = made({"train": 100, "val": 30, "test": 30})
    assert arranged(table)[0].equals(table["split"])


def test_a_tiny_val_is_redrawn_from_train_by_patient_and_test_stays() -> None:
    table = made({"train": 200, "val": 8, "test": 50})
    splits, found = arranged(table)
    assert (splits[table["split"] == "test"] == "test").all()
    assert (splits == "test").sum() == 100
    assert 50 <= (splits == "val").sum() <= 75
    assert splits.groupby(table["patient"]).nunique().max() == 1
    assert "16 of 416 images (8 in its smallest class)" in found.notes[0]


def test_a_small_val_of_a_small_set_is_kept() -> None:
    table = made({"train": 40, "val": 8, "test": 20})
    assert arranged(table)[0].equals(table["split"])


@pytest.mark.parametrize("missing", ["train", "val", "test"])
def test_any_part_may_be_missing(missing: str) -> None:
    sizes = {"train": 200, "val": 60, "test": 60}
    table = made({part: size for part, size in sizes.items() if part != missing})
    splits, _ = arranged(table)
    assert set(splits) == {"train", "val", "test"}
    assert splits.groupby(table["patient"]).nunique().max() == 1
    for part in {"val", "test"} - {missing}:
        if (missing, part) != ("train", "val"):
            assert (splits[table["split"] == part] == part).all()


def test_only_a_test_part_is_said_to_teach_nothing() -> None:
    splits, found = arranged(made({"test": 30}))
    assert set(splits) == {"test"}
    assert "nothing can be learned" in found.warnings[0]


def test_overlap_is_listed_and_set_aside_if_agreed() -> None:
    table = made({"train": 100, "val": 40, "test": 40})
    table.loc[table["patient"] == "train-0-0", "patient"] = "both"
    table.loc[table["patient"] == "test-0-0", "patient"] = "both"
    table.loc[table["patient"] == "train-0-1", "patient"] = "early"
    table.loc[table["patient"] == "val-0-0", "patient"] = "early"
    kept, found = arranged(table)
    assert found.across == ("both", "early")
    assert kept.equals(table["split"])
    assert "2 patients are on both sides" in found.warnings[0]
    moved, _ = arranged(table, set_aside_overlap=True)
    assert sorted(moved[table["patient"] == "both"]) == ["excluded", "excluded", "test", "test"]
    assert set(moved[table["patient"] == "early"]) == {"train"}
    used = moved != "excluded"
    assert moved[used].groupby(table["patient"][used]).nunique().max() == 1
    assert (moved[table["split"] == "test"] == "test").all()


def test_impossible_fractions_are_refused() -> None:
    with pytest.raises(ConfigError, match="at most 90 %"):
        ImportOptions.parse({"name": "x", "validation_fraction": 0.5, "test_fraction": 0.5})
