"""Patients on both sides, and what a small part can tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from medxfer.audit.patients import (
    class_sizes,
    patient_findings,
    patients_across_splits,
    size_findings,
)
from medxfer.data.manifest import Manifest
from medxfer.evaluation.severity import Severity

MakeManifest = Callable[..., Manifest]


def test_every_patient_moved_across_is_named(made_up: MakeManifest) -> None:
    clean = made_up(400)
    assert patients_across_splits(clean).empty
    assert patient_findings(clean, known=True) == []
    table = clean.table.copy()
    moved = [f"p{number}" for number in range(0, 60, 7)]
    for patient in moved:
        rows = table.index[table["patient"] == patient]
        other = "test" if table["split"][rows[0]] != "test" else "train"
        table.loc[rows[0], "split"] = other
    leaking = clean.with_splits(table["split"])
    found = patients_across_splits(leaking)
    assert sorted(found["patient"]) == sorted(moved)
    assert found[["train", "val", "test"]].sum(axis=1).eq(2).all()
    (finding,) = patient_findings(leaking, known=True)
    assert finding.severity is Severity.BLOCKING
    assert f"{len(moved)} patients are in more than one part" in finding.problem
    (unknown,) = patient_findings(leaking, known=False)
    assert unknown.severity is Severity.SERIOUS
    assert unknown.remedy.startswith("Name a patient column")


def test_one_patient_of_thousands_does_not_block(made_up: MakeManifest) -> None:
    manifest = made_up(4000)
    splits = manifest.table["split"].copy()
    splits.iloc[0] = "val"
    (finding,) = patient_findings(manifest.with_splits(splits), known=True)
    assert finding.severity is Severity.SERIOUS
    assert finding.problem.startswith("1 patient is in more than one part, with 1 training")


def test_excluded_images_leak_nothing(made_up: MakeManifest) -> None:
    manifest = made_up(400)
    splits = manifest.table["split"].copy()
    splits.iloc[0] = "excluded"
    assert patients_across_splits(manifest.with_splits(splits)).empty


def test_a_small_part_says_how_little_it_tells(made_up: MakeManifest) -> None:
    patient = np.arange(400) // 2
    label = np.where(patient < 12, "rare", "common")
    split = np.where((patient < 12) | (patient > 150), "test", "train")
    manifest = made_up(400, label=label, patient=patient.astype(str), split=split)
    sizes = class_sizes(manifest).set_index(["label", "split"])
    rare = sizes.loc[("rare", "test")]
    assert (rare["images"], rare["patients"]) == (24, 12)
    assert (rare["low"], rare["high"]) == pytest.approx((0.626, 0.980), abs=1e-3)
    assert np.isnan(sizes.loc[("rare", "train"), "low"])
    problems = {
        finding.problem: finding.severity for finding in size_findings(manifest, known=True)
    }
    (vague,) = (text for text in problems if text.startswith("With 12 patients of class rare"))
    assert "in test, a sensitivity of 0.90 would be known only within 0.63 to 0.98." in vague
    assert problems[vague] is Severity.SERIOUS
    unknown = size_findings(manifest, known=False)
    assert any("With 12 images of class rare" in finding.problem for finding in unknown)
    assert any("'rare' has no image in train" in text for text in problems)


def test_a_large_set_is_large_enough(made_up: MakeManifest) -> None:
    assert size_findings(made_up(4000), known=True) == []
