"""Shortcuts: what gives the class away is named, what does not is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from medxfer.audit.audit import run_audit
from medxfer.audit.measures import measures
from medxfer.audit.shortcuts import Shortcut, Shortcuts, shortcuts
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.evaluation.severity import Severity
from medxfer.paths import Workspace

N = 400
MakeManifest = Callable[..., Manifest]
RANDOM = np.random.default_rng(0)
LABEL = np.arange(N) % 2


def row(found: Shortcuts, key: str) -> Shortcut:
    (one,) = (row for row in found.rows if row.key == key)
    return one


def test_what_gives_the_class_away_is_flagged_and_noise_is_not(made_up: MakeManifest) -> None:
    manifest = made_up(
        N,
        width=np.where(LABEL, 1200, 1888) + RANDOM.integers(-300, 300, N),
        scanner=np.where(LABEL, "A", "B"),
        site=RANDOM.choice(["north", "south"], N),
        age=RANDOM.integers(20, 90, N).astype(str),
        sex=np.where(RANDOM.random(N) < 0.3 + 0.4 * LABEL, "F", "M"),
        remark=[f"text {n}" for n in range(N)],
        number=np.arange(N).astype(str),
        empty="",
        diagnosis=np.where(LABEL, "1", "0"),
        has_box=LABEL.astype(str),
        given_by=np.where(LABEL, "x", "y"),
    )
    found = shortcuts(manifest)
    assert [one.key for one in found.rows if one.flagged] == [
        one.key for one in found.rows if one.key in
        ("size", "aspect_ratio", "file_size", "column:scanner", "column:sex", "column:given_by")
    ]  # fmt: skip
    size = row(found, "size")
    assert size.severity is Severity.BLOCKING
    assert "px in NORMAL" in size.example
    assert "px in PNEUMONIA" in size.example
    assert "px in NORMAL" in size.finding().problem  # type: ignore[union-attr]
    assert row(found, "column:scanner").severity is Severity.BLOCKING
    assert "100% of" in row(found, "column:scanner").example
    assert row(found, "column:given_by").severity is Severity.SERIOUS
    assert row(found, "column:sex").severity is Severity.NOTE
    assert row(found, "format").reason == "It is the same for every image."
    for key in ("column:site", "column:age"):
        assert not row(found, key).flagged
        assert row(found, key).auroc.value == pytest.approx(0.5, abs=0.1)
    assert set(found.left_out) == {"remark", "number", "empty", "diagnosis", "has_box"}
    assert len(found.findings()) == sum(one.flagged for one in found.rows)
    aurocs = found.table()["auroc"].dropna()
    assert aurocs.is_monotonic_decreasing


def test_pixel_features_are_tried_in_groups_and_excluded_images_are_not(
    made_up: MakeManifest,
) -> None:
    split = np.where(np.arange(N) < 100, "excluded", "train")
    manifest = made_up(N, split=split)
    features = pd.DataFrame({
        "mean": RANDOM.normal(size=N),
        "top left edge share": LABEL + RANDOM.normal(0, 0.5, N),
        "frame mean": RANDOM.normal(size=N),
        "black share": np.where(np.arange(N) < 100, LABEL, 0.5),
    })  # fmt: skip
    ticks: list[tuple[int, int]] = []
    found = shortcuts(manifest, features, lambda *tick: ticks.append(tick))
    assert [one.key for one in found.rows if one.flagged] == ["corners"]
    corner = row(found, "corners")
    assert corner.severity is Severity.SERIOUS
    assert corner.example.startswith("median top left edge share")
    assert row(found, "extremes").reason  # the same for every image that is used
    assert ticks[-1] == (len(found.rows), len(found.rows))


def test_forty_images_give_reasons_instead_of_numbers(made_up: MakeManifest) -> None:
    manifest = made_up(40, width=np.where(np.arange(40) % 2, 100, 900))
    found = shortcuts(manifest)
    assert all(one.auroc.value is None and one.reason for one in found.rows)
    assert "patients" in row(found, "size").reason
    assert not found.findings()
    assert found.table()["auroc"].isna().all()


@pytest.mark.data
def test_chest_xray_gives_its_class_away_by_size_and_the_nih_set_does_not(
    pack: Callable[[str], Path], workspace: Workspace
) -> None:
    for name in ("kermany-cxr-320", "nih-cxr-320"):
        import_source(workspace, pack(name), ImportOptions(name=name))
    chest = shortcuts(load_manifest(workspace, "kermany-cxr-320"))
    original = row(chest, "source_size")
    assert original.auroc.value == pytest.approx(0.92, abs=0.02)
    assert original.severity is Severity.BLOCKING
    assert row(chest, "aspect_ratio").flagged
    assert "subtype" in chest.left_out
    nih = shortcuts(load_manifest(workspace, "nih-cxr-320"))
    assert row(nih, "size").auroc.value is None
    assert "has_box" in nih.left_out
    assert {one.key for one in nih.rows if one.flagged} <= {"file_size"}
    assert all(one.severity in (None, Severity.NOTE) for one in nih.rows)


@pytest.mark.data
@pytest.mark.long
@pytest.mark.parametrize("place", [(0.04, 0.04), (0.72, 0.9), (0.45, 0.3)])
def test_a_grey_tag_burnt_into_one_class_is_flagged(
    pack: Callable[[str], Path], workspace: Workspace, tmp_path: Path, place: tuple[float, float]
) -> None:
    """A plain patch of a thirtieth of the width's square, as a scanner or an archive stamps it."""
    table = pd.read_csv(pack("nih-cxr-320") / "manifest.csv", dtype=str)
    folder = tmp_path / "tagged"
    for file, label in zip(table["file"], table["label"], strict=True):
        with Image.open(pack("nih-cxr-320") / file) as opened:
            image = opened.convert("L")
        if label == "No_findings":
            left, top = (round(share * image.width) for share in place)
            image.paste(120, (left, top, left + 30, top + 12))
        (folder / label).mkdir(parents=True, exist_ok=True)
        image.save(folder / label / Path(file).name, quality=90)
    import_source(workspace, folder, ImportOptions(name="tagged"))
    audit = run_audit(workspace, "tagged")
    marks = audit.tables["shortcuts"].set_index("key")
    assert marks.loc["corners", "flagged"]
    assert marks.loc["corners", "auroc"] > 0.9
    assert "flat marks" in marks.loc["corners", "example"]
    assert any("marks" in finding.problem for finding in audit.findings)


@pytest.mark.data
def test_marks_do_not_tell_untouched_chests_apart(pack: Callable[[str], Path]) -> None:
    """Four of five have none, and the rest are of both classes."""
    folder = pack("nih-cxr-320")
    table = pd.read_csv(folder / "manifest.csv", dtype=str)
    found = []
    for file in table["file"]:
        with Image.open(folder / file) as opened:
            picture = opened.convert("L").resize((256, 256), Image.Resampling.BILINEAR)
        found.append(measures(np.asarray(picture)[np.newaxis]))
    for name in ("flat marks", "black marks"):
        shares = pd.DataFrame(found)[name]
        assert (shares == 0).mean() > 0.8
        assert roc_auc_score(table["label"] == "Pneumonia", shares) == pytest.approx(0.5, abs=0.1)
