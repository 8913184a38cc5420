"""A network asked about a data set: its answer is about the images in use, under their ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from medxfer.config import Depth, HeadConfig
from medxfer.data.library import load_manifest
from medxfer.errors import WeightsError
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.paths import Workspace
from medxfer.working import ended

network: Any = pytest.importorskip("medxfer.audit.network", exc_type=ImportError)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """The file of a network that learned nothing."""
    torch.manual_seed(0)
    head = HeadConfig(kind="linear")
    model = build(Depth.RESNET18, 2, head)
    (tmp_path / "net").mkdir()
    record = checkpoint.save(
        model, tmp_path / "net", depth=Depth.RESNET18, head=head, classes=("a", "b"), epoch=1
    )
    return str(tmp_path / "net" / record.file)


def test_images_in_use_are_judged_by_weights_of_the_depth_they_fit(
    workspace: Workspace, small_data: str, weights: str
) -> None:
    manifest = load_manifest(workspace, small_data)
    splits = manifest.table["split"].copy()
    splits.iloc[:3] = "excluded"
    working = network.ask_network(workspace, small_data, manifest.with_splits(splits), weights)
    told: list[tuple[int, int]] = []
    answer = ended(working, told.append)
    assert told
    assert all(done <= total for done, total in told)
    assert answer.weights.endswith("ResNet-18")
    assert sorted(answer.doubts["row"]) == list(range(3, 32))
    assert sorted(answer.strangers["row"]) == list(range(3, 32))
    told = manifest.table["label"].iloc[answer.doubts["row"]]
    assert (told.to_numpy() == answer.doubts["label"].to_numpy()).all()


def test_weights_that_are_not_here_are_refused(workspace: Workspace, small_data: str) -> None:
    manifest = load_manifest(workspace, small_data)
    for weights in ("imagenet", "run:none", "/nowhere.pt", "best"):
        with pytest.raises(WeightsError, match="on this computer"):
            next(network.ask_network(workspace, small_data, manifest, weights))
