"""The audit as a whole, with pixel checks that are made up: what is found, kept and given again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from medxfer.audit.audit import Checks, is_current, load_audit, run_audit
from medxfer.audit.copies import PAIR_COLUMNS
from medxfer.audit.doubting import run_doubts
from medxfer.audit.finding import Finding
from medxfer.audit.verdict import Trust
from medxfer.data.corrections import Action, Correction
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import correct, dataset_info, load_manifest, resplit
from medxfer.data.manifest import Manifest
from medxfer.evaluation.severity import Severity
from medxfer.job import Stopped
from medxfer.paths import Workspace

WRONG = "wrong labels and pictures that do not belong"
Working = Generator[tuple[int, int], None, Any]


@dataclass
class Looks:
    rows: np.ndarray

    def features(self) -> pd.DataFrame:
        return pd.DataFrame({"mean": np.zeros(len(self.rows))})


def pair(table: pd.DataFrame, first: int, second: int, **signs: object) -> dict[str, object]:
    base = dict.fromkeys(PAIR_COLUMNS[-3:], False)
    ends = {"first": table["image"][first], "second": table["image"][second]}
    return {**ends, "kind": "near", "changes": "resized", "score": 0.9, **base, **signs}


@pytest.fixture
def checks() -> Checks:
    """Pixel checks that decode and find one pair of each sort."""

    def appearance(store: Any, rows: Any) -> Working:
        yield from store.fill(rows)
        return Looks(rows)

    def exact(manifest: Manifest, _: Looks) -> pd.DataFrame:
        return pd.DataFrame(columns=list(PAIR_COLUMNS))

    def near(manifest: Manifest, looks: Looks, store: Any, exact: pd.DataFrame) -> Working:
        yield 1, 1
        assert len(store) == len(looks.rows) == len(manifest)
        table = manifest.table
        train, test = (np.flatnonzero(table["split"] == part) for part in ("train", "test"))
        rows = [
            pair(table, train[0], test[0], across_splits=True),
            pair(table, train[1], train[2], different_labels=True),
            pair(table, train[3], train[4], kind="exact"),
        ]
        return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))

    def quality(manifest: Manifest, _: Looks) -> pd.DataFrame:
        images = manifest.table["image"].iloc[[0]]
        return pd.DataFrame({"image": images, "reason": "is nearly all black", "value": 0.99})

    return Checks(appearance, exact, near, quality)


@pytest.fixture
def chest(workspace: Workspace, tmp_path: Path) -> str:
    """An imported set of 120 patients, one picture each, where the classes differ in size."""
    random = np.random.default_rng(0)
    for number in range(120):
        label = ("NORMAL", "PNEUMONIA")[number % 2]
        folder = tmp_path / "chest" / ("train", "train", "val", "test")[number // 2 % 4] / label
        folder.mkdir(parents=True, exist_ok=True)
        side = 32 + 8 * (number % 2) + int(random.integers(0, 6))
        pixels = random.integers(0, 255, (32, side), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{number:03d}_1.png")
    options = ImportOptions(name="chest", patient_pattern=r"(p\d+)_")
    import_source(workspace, tmp_path / "chest", options)
    return "chest"


def test_everything_found_is_told_kept_and_read_again(
    workspace: Workspace, chest: str, checks: Checks
) -> None:
    steps: list[str] = []
    audit = run_audit(workspace, chest, lambda step, *_: steps.append(step), checks=checks)
    assert list(dict.fromkeys(steps)) == [
        "Looking at pictures", "Looking for copies", "Trying shortcuts",
    ]  # fmt: skip
    assert audit.verdict.trust is Trust.NOT_TRUSTWORTHY
    by_check = {(finding.check, finding.severity) for finding in audit.findings}
    assert by_check >= {
        ("near_duplicates", Severity.BLOCKING), ("near_duplicates", Severity.SERIOUS),
        ("duplicates", Severity.NOTE), ("shortcuts", Severity.BLOCKING),
        ("sizes", Severity.SERIOUS), ("quality", Severity.NOTE),
    }  # fmt: skip
    ranks = [finding.severity.rank for finding in audit.findings]
    assert ranks == sorted(ranks)
    stored = load_audit(workspace, chest)
    assert stored is not None
    assert is_current(stored, load_manifest(workspace, chest))
    values = stored.to_json()
    assert values == audit.to_json()
    assert values.keys() >= {
        "verdict", "findings", "duplicates", "near_duplicates", "patients_across_splits",
        "too_few", "shortcuts", "quality", "label_doubts",
    }  # fmt: skip
    assert values["label_doubts"] is None
    assert WRONG in values["verdict"]["not_checked"]
    assert len(values["near_duplicates"]) == 2
    (same,) = values["duplicates"]
    assert same["first_file"].endswith(".png")
    assert values["quality"][0]["file"].endswith(".png")
    best = values["shortcuts"][0]
    assert best["auroc"]["low"] > 0.8
    assert best["flagged"] is True
    assert values["shortcuts"][-1]["auroc"]["value"] is None
    tiny = replace(audit, strangers=pd.DataFrame({"distance": [1e-17, np.nan, 1 / 3]}))
    far = json.loads(json.dumps(tiny.to_json()))["strangers"]
    assert far == [{"distance": 1e-17}, {"distance": None}, {"distance": 1 / 3}]


def test_what_a_person_kept_is_told_as_such_and_equal_pixels_stay(
    workspace: Workspace, chest: str, checks: Checks
) -> None:
    before = run_audit(workspace, chest, checks=checks)
    odd = before.tables["quality"]["image"].iloc[0]
    ends = [
        tuple(before.tables[name][["first", "second"]].iloc[0])
        for name in ("near_duplicates", "duplicates")
    ]
    for images in [*ends, (odd,)]:
        correct(workspace, chest, Correction(action=Action.KEEP, images=images, reason="seen"))
    audit = run_audit(workspace, chest, checks=checks)
    checked = [(finding.check, finding.severity) for finding in audit.findings]
    assert ("near_duplicates", Severity.BLOCKING) not in checked
    assert ("duplicates", Severity.NOTE) in checked
    assert "quality" not in dict(checked)
    told = next(finding for finding in audit.findings if finding.check == "decisions")
    assert "1 near copies (1 across parts) and 1 odd pictures are not counted" in told.problem
    assert len(audit.tables["near_duplicates"]) == len(before.tables["near_duplicates"])


def test_excluded_images_are_not_spoken_of(
    workspace: Workspace, chest: str, checks: Checks
) -> None:
    def all_excluded(manifest: Manifest, _: Looks) -> pd.DataFrame:
        images = manifest.table["image"]
        rows = {"first": images[:1].tolist(), "second": ["not in this data set"]}
        return pd.DataFrame({**rows, **{name: [False] for name in PAIR_COLUMNS[2:]}})

    changed = replace(checks, exact_duplicates=all_excluded)
    assert len(run_audit(workspace, chest, checks=changed).tables["duplicates"]) == 1  # from near


def test_a_change_of_splits_makes_it_old(workspace: Workspace, chest: str, checks: Checks) -> None:
    audit = run_audit(workspace, chest, checks=checks)
    resplit(workspace, chest, keep_given=False, seed=5)
    assert not is_current(audit, load_manifest(workspace, chest))
    assert load_audit(workspace, chest) is not None
    run_audit(workspace, chest, checks=checks)
    folders = list(workspace.dataset(chest).audit.glob("tables-*"))
    assert len(folders) == 1


def test_a_stop_keeps_what_was_there(workspace: Workspace, chest: str, checks: Checks) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        run_audit(workspace, chest, should_stop=lambda: next(asked), checks=checks)
    assert load_audit(workspace, chest) is None
    before = run_audit(workspace, chest, checks=checks)
    with pytest.raises(Stopped):
        run_audit(workspace, chest, should_stop=lambda: True, checks=checks)
    kept = load_audit(workspace, chest)
    assert kept is not None
    assert kept.created == before.created


@pytest.mark.parametrize("damage", ["audit.json", "tables"])
def test_a_damaged_audit_is_none(
    workspace: Workspace, chest: str, checks: Checks, damage: str
) -> None:
    run_audit(workspace, chest, checks=checks)
    folder = workspace.dataset(chest).audit
    files = [folder / damage] if damage == "audit.json" else folder.glob("tables-*/*")
    for file in files:
        file.write_bytes(b"{}")
    assert load_audit(workspace, chest) is None


@dataclass
class Answer:
    doubts: pd.DataFrame
    strangers: pd.DataFrame
    findings: tuple[Finding, ...] = (
        Finding("label_doubts", Severity.SERIOUS, "1 of 120 labels.", "Look."),
    )


def test_label_doubts_are_a_second_step_beside_it(
    workspace: Workspace, chest: str, checks: Checks
) -> None:
    run_audit(workspace, chest, checks=checks)

    def network(_: Workspace, name: str, manifest: Manifest, weights: str) -> Working:
        yield 1, 1
        rows = [5, 0]
        labels = manifest.table["label"].iloc[rows].tolist()
        doubts = pd.DataFrame({
            "rank": [1, 2], "row": rows, "label": labels, "suggested": labels[::-1],
            "doubt": [0.9, np.nan],
        })  # fmt: skip
        return Answer(doubts, pd.DataFrame({"row": [7], "distance": [3.0], "stranger": [True]}))

    run_doubts(workspace, chest, "imagenet", ask=network)
    audit = load_audit(workspace, chest)
    assert audit is not None
    assert audit.doubts_by == "imagenet"
    doubted = audit.to_json()["label_doubts"]
    assert doubted[0]["image"] == load_manifest(workspace, chest).table["image"][5]
    assert doubted[1]["doubt"] is None
    assert audit.to_json()["strangers"][0]["distance"] == 3
    assert any(finding.check == "label_doubts" for finding in audit.findings)
    assert WRONG in audit.verdict.checked
    resplit(workspace, chest, keep_given=False, seed=5)
    assert (
        run_audit(workspace, chest, checks=checks).label_doubts is not None
    )  # splits do not count
    for table in workspace.dataset(chest).audit.glob("doubts-*/*"):
        table.write_bytes(b"damaged")
    without = load_audit(workspace, chest)
    assert without is not None
    assert without.label_doubts is None


def test_unknown_patients_are_said_and_not_counted(
    workspace: Workspace, small_data: str, checks: Checks
) -> None:
    assert not dataset_info(workspace, small_data).patients_known
    audit = run_audit(workspace, small_data, checks=checks)
    assert "patients on more than one side" in audit.verdict.not_checked
    assert "Too few" in audit.verdict.not_checked["shortcuts"]
    assert any("Without patient ids" in finding.problem for finding in audit.findings)
    assert not any("under two patients" in finding.problem for finding in audit.findings)


def test_whoever_watches_imports_neither_torch_nor_scikit_learn() -> None:
    words = (
        "import sys, medxfer.audit.job, medxfer.audit.record, medxfer.cli.main\n"
        "assert not {'torch', 'sklearn', 'streamlit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", words], check=True)
    words = "import sys, medxfer.audit.audit\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", words], check=True)
