"""The features an audit looks at: those of the network, kept, and of weights that are here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from medxfer.audit.backbone import Backbone, best_backbone, is_here
from medxfer.audit.features import pooled_features
from medxfer.cache.room import CacheRoom
from medxfer.config import Depth, HeadConfig, StrategyConfig, TrainConfig
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.errors import WeightsError
from medxfer.evaluation.pictures import Pictures
from medxfer.files import write_json
from medxfer.machine import on_cpu
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.models.weights.imagenet import imagenet_file
from medxfer.paths import Workspace
from medxfer.runs.store import create_run
from medxfer.training import features as kept
from medxfer.working import ended


@pytest.fixture
def manifest(workspace: Workspace, small_data: str) -> Manifest:
    return load_manifest(workspace, small_data)


def save(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    head = HeadConfig(kind="linear")
    model = build(Depth.RESNET18, 2, head)
    folder.mkdir(parents=True, exist_ok=True)
    record = checkpoint.save(
        model, folder, depth=Depth.RESNET18, head=head, classes=("a", "b"), epoch=1
    )
    return folder / record.file


def run(workspace: Workspace, data: str, weights: str, *, strategy: str = "none") -> str:
    """A run that has saved something; what it is matters only when it is loaded."""
    config = TrainConfig(data=data, weights=weights, strategy=StrategyConfig(name=strategy))
    name, _ = create_run(workspace, config)
    write_json(workspace.run(name).checkpoints / "best.json", {})
    return name


def test_features_are_the_networks_and_a_second_look_is_free(
    workspace: Workspace, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against torchvision's own modules; the second time nothing is decoded or computed."""
    file = save(tmp_path / "weights")
    backbone = Backbone(str(file), Depth.RESNET18)
    first = ended(pooled_features(workspace, manifest, backbone, on_cpu()))
    assert first.shape == (32, 512)
    assert first.dtype == np.float32

    model, _ = checkpoint.load(tmp_path / "weights", "it")
    model.fc = torch.nn.Identity()  # type: ignore[assignment]
    with PixelStore(CacheRoom(workspace.cache), manifest) as store, torch.no_grad():
        pictures = Pictures(store, manifest.targets(), on_cpu())
        rows = np.array([0, 9, 31])
        list(store.fill(rows))
        expected = model(pictures.input(rows, pictures.plain_views[torch.from_numpy(rows)]))
    np.testing.assert_allclose(first[rows], expected.numpy(), rtol=1e-3, atol=1e-3)

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(kept.FeatureCache, "_made", never)
    monkeypatch.setattr(PixelStore, "_decoded", never)
    again = ended(pooled_features(workspace, manifest, backbone, on_cpu()))
    np.testing.assert_array_equal(first, again)


def test_work_can_be_stopped_and_leaves_nothing_open(
    workspace: Workspace, manifest: Manifest, tmp_path: Path
) -> None:
    work = pooled_features(
        workspace, manifest, Backbone(str(save(tmp_path)), Depth.RESNET18), on_cpu()
    )
    step = next(work)
    assert (step.step, step.total) == ("pixels", 32)
    work.close()
    room = CacheRoom(workspace.cache)
    assert room.kept()
    assert all(room.remove(shelf) for shelf in room.kept())


def test_nothing_is_downloaded(workspace: Workspace, manifest: Manifest) -> None:
    work = pooled_features(workspace, manifest, Backbone("imagenet", Depth.RESNET18), on_cpu())
    with pytest.raises(WeightsError, match="not on this computer"):
        next(work)


def test_an_altered_file_of_imagenet_weights_is_not_fetched_again(
    workspace: Workspace, manifest: Manifest
) -> None:
    imagenet_file(Depth.RESNET18, workspace).write_bytes(b"no weights")
    work = pooled_features(workspace, manifest, Backbone("imagenet", Depth.RESNET18), on_cpu())
    with pytest.raises(WeightsError, match="cut, damaged"):
        next(work)


def test_without_any_weights_it_is_said_what_is_needed(workspace: Workspace) -> None:
    create_run(workspace, TrainConfig(data="x", weights="none"))  # has saved nothing
    with pytest.raises(WeightsError, match="No trained network") as caught:
        best_backbone(workspace, "x")
    assert "ImageNet" in caught.value.remedy


def test_what_the_newest_run_started_from_comes_first(workspace: Workspace, tmp_path: Path) -> None:
    chosen = tmp_path / "own.safetensors"
    chosen.write_bytes(b"weights")
    imagenet_file(Depth.RESNET34, workspace).write_bytes(b"")
    run(workspace, "x", str(chosen))
    run(workspace, "x", str(tmp_path / "gone.pth"))
    assert best_backbone(workspace, "x") == Backbone(str(chosen), Depth.RESNET18)


def test_then_imagenet_weights_then_a_run_on_other_data(workspace: Workspace) -> None:
    other = run(workspace, "other", "none")
    own = run(workspace, "x", "none")
    assert best_backbone(workspace, "x") == Backbone(f"run:{other}", Depth.RESNET18, "other")
    assert best_backbone(workspace, "other") == Backbone(f"run:{own}", Depth.RESNET18, "x")
    imagenet_file(Depth.RESNET34, workspace).write_bytes(b"")
    assert best_backbone(workspace, "x") == Backbone("imagenet", Depth.RESNET34)


def test_what_learned_these_very_labels_is_used_last_and_said(workspace: Workspace) -> None:
    own = run(workspace, "x", "none")
    assert best_backbone(workspace, "x") == Backbone(f"run:{own}", Depth.RESNET18, "x")
    onwards = run(workspace, "x", f"run:{own}", strategy="all")
    found = best_backbone(workspace, "x")
    assert found.knows == "x"
    assert found.weights in (f"run:{own}", f"run:{onwards}")


def test_a_head_trained_on_a_frozen_network_has_learned_no_features(workspace: Workspace) -> None:
    other = run(workspace, "other", "none")
    onwards = run(workspace, "x", f"run:{other}", strategy="all")
    assert best_backbone(workspace, "x") == Backbone(f"run:{other}", Depth.RESNET18, "other")
    assert is_here(workspace, Backbone(f"run:{onwards}", Depth.RESNET18))


def test_damaged_runs_are_passed_over(workspace: Workspace) -> None:
    good = run(workspace, "other", "none")
    late = f"{datetime.now(UTC):%Y%m%d}-999999-000000"
    for number, text in enumerate(("", "[]", '{"settings": {}}')):
        folder = workspace.runs / f"{late}{number}"
        folder.mkdir()
        (folder / "config.json").write_text(text)
    write_json(workspace.runs / "stray.json", {})
    assert best_backbone(workspace, "x").weights == f"run:{good}"
