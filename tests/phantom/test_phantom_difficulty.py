"""The phantoms are no giveaway: a network from scratch does not solve them in one epoch."""

import pytest
import torch

from medxfer.cache.room import CacheRoom
from medxfer.config import Device, HeadConfig, OptimiserConfig, StrategyConfig, TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.phantom.generator import generate
from medxfer.events import EpochFinished
from medxfer.machine import choose
from medxfer.models.resnet import build
from medxfer.paths import Workspace
from medxfer.training.fit import fit


@pytest.mark.long
def test_one_epoch_from_scratch_does_not_solve_the_phantoms(workspace: Workspace) -> None:
    folder = workspace.root / "phantoms"
    generate(folder, patients=40, seed=3)
    import_source(
        workspace,
        folder / "images",
        ImportOptions(name="p", patient_pattern=r"(P\d+)_", validation_fraction=0.4),
    )
    config = TrainConfig(
        data="p", weights="none", strategy=StrategyConfig(name="none"), epochs=1, batch_size=16,
        head=HeadConfig(kind="linear"), optimiser=OptimiserConfig(learning_rate=5e-4),
        device=Device.CPU,
    )  # fmt: skip
    torch.manual_seed(0)
    model = build(config.depth, 2, config.head)
    events = fit(
        model, load_manifest(workspace, "p"), config, choose(config), CacheRoom(workspace.cache)
    )
    (epoch,) = [event for event in events if isinstance(event, EpochFinished)]
    auroc = epoch.validation["auroc"]
    assert auroc is not None
    assert auroc < 0.95
