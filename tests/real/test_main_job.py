"""The main job on real images: import, train, evaluate, explain, as a person would."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from medxfer.data.library import load_manifest
from medxfer.paths import Workspace

pytestmark = [pytest.mark.data, pytest.mark.long]

Find = Callable[[str], Path]


@pytest.fixture
def call(workspace: Workspace) -> Callable[..., Any]:
    """Run a command in a process of its own, as a shell does."""

    def run(*arguments: object) -> Any:
        code = "from medxfer.cli.main import main; main()"
        words = [*map(str, arguments), "--workspace", str(workspace.root), "--json"]
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def chance_spread(positives: int, negatives: int) -> float:
    """Standard deviation of AUROC when scores mean nothing (Mann-Whitney, no ties)."""
    return math.sqrt((positives + negatives + 1) / (12 * positives * negatives))


def test_chest_radiographs(
    call: Callable[..., Any], pack: Find, workspace: Workspace, tmp_path: Path
) -> None:
    """Two epochs of a head on random features beat chance by more than four standard deviations."""
    folder = pack("kermany-cxr-320")
    listed = pd.read_csv(folder / "manifest.csv", dtype=str)
    imported = call("data", "import", folder / "chest_xray", "--name", "chest")
    assert imported["images"] == len(listed) == 850
    assert imported["splits"] == listed["split"].value_counts().to_dict()
    assert imported["patients"] == listed["patient_key"].nunique()
    assert imported["skipped"] == []
    table = load_manifest(workspace, "chest").table
    assert table.groupby("patient")["split"].nunique().max() == 1

    trained = call("train", "--data", "chest", "--weights", "none", "--strategy", "all",
                   "--epochs", 2, "--learning-rate", 1e-3)  # fmt: skip
    assert trained["state"] == "finished"
    judged = call("evaluate", trained["run"], "--split", "test")
    assert judged["n"] == 169
    assert judged["metrics"]["auroc"]["value"] > 0.5 + 4 * chance_spread(103, 66)

    scan = folder / "chest_xray" / "test" / "PNEUMONIA"
    first = sorted(scan.iterdir())[0]
    (answer,) = call("explain", trained["run"], first, "--out", tmp_path / "maps")["files"]
    assert Path(answer["heatmap"]).stat().st_size > 10_000


def test_brain_mri(call: Callable[..., Any], pack: Find, workspace: Workspace) -> None:
    """Four classes, no patients, no splits given: drawn, warned about, learned from."""
    imported = call("data", "import", pack("brain-mri-4class"), "--name", "brain")
    assert imported["images"] == 520
    assert imported["classes"] == ["glioma", "meningioma", "notumor", "pituitary"]
    assert not imported["patients_known"]
    assert any("too good" in warning for warning in imported["warnings"])
    counts = load_manifest(workspace, "brain").counts()
    assert (counts > 0).all().all()
    assert counts["test"].sum() == pytest.approx(0.15 * 520, abs=4)

    trained = call("train", "--data", "brain", "--weights", "none", "--strategy", "none",
                   "--head", "linear", "--epochs", 3, "--learning-rate", 5e-4)  # fmt: skip
    judged = call("evaluate", trained["run"], "--split", "test")
    spread = math.sqrt(0.25 * 0.75 / judged["n"])
    assert judged["metrics"]["balanced_accuracy"]["value"] > 0.25 + 4 * spread
    assert len(judged["confusion_matrix"]) == 4
