"""A run whose network has seen its pictures, but learned nothing: that takes no time."""

from __future__ import annotations

import torch

from medxfer.config import TrainConfig
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.data.readers import read_picture
from medxfer.events import Started
from medxfer.models import checkpoint
from medxfer.models.preprocessing import to_input
from medxfer.models.resnet import build
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.store import create_run


def begin(workspace: Workspace, config: TrainConfig) -> str:
    """The id of a run with weights and its first event, and no more; the same each time."""
    manifest = load_manifest(workspace, config.data)
    run, _ = create_run(workspace, config)
    paths = workspace.run(run)
    torch.manual_seed(0)
    model = build(config.depth, len(manifest.classes), config.head).train()
    inputs = [to_input(read_picture(path).pixels) for path in manifest.part(Split.TRAIN).paths()]
    with torch.no_grad():
        model(torch.stack(inputs))
    checkpoint.save(
        model, paths.checkpoints, depth=config.depth, head=config.head, classes=manifest.classes,
        epoch=1,
    )  # fmt: skip
    journal.append(paths.events, Started(
        pid=1, device="cpu", precision="float32", threads=1, versions={}, images={},
        manifest_hash=manifest.content_hash, split_hash=manifest.split_hash,
        classes=manifest.classes, parameters=1, phases=(), weights="none",
    ))  # fmt: skip
    return run
