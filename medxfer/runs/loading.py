"""The network of a run, ready to be used."""

from __future__ import annotations

from dataclasses import dataclass

from torchvision.models import ResNet

from medxfer.config import TrainConfig
from medxfer.models import checkpoint
from medxfer.paths import Workspace
from medxfer.runs.store import load_run


@dataclass(frozen=True)
class LoadedModel:
    """A run's best network, in evaluation mode, with its classes in order."""

    run: str
    model: ResNet
    classes: tuple[str, ...]
    config: TrainConfig
    epoch: int
    sha256: str


def load_model(workspace: Workspace, run: str, device: str = "cpu") -> LoadedModel:
    """The best network of a run on `device`.

    Raises:
        RunError: there is no such run.
        WeightsError: it has saved no weights, or they are damaged.
    """
    loaded = load_run(workspace, run)
    model, record = checkpoint.load(loaded.paths.checkpoints, f"Run '{run}'")
    return LoadedModel(
        run, model.to(device), record.classes, loaded.config, record.epoch, record.sha256
    )
