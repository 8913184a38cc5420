"""A run's network and the pictures it was trained on, to make many heatmaps at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torchvision.models import ResNet

from medxfer.config import Stage
from medxfer.data.integrity import read_unchanged
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.readers import read_known_bytes
from medxfer.errors import DataError, ExplainError
from medxfer.events import Tell
from medxfer.explain.heatmap import Explanation, explain
from medxfer.machine import choose
from medxfer.paths import Workspace
from medxfer.runs.loading import load_model
from medxfer.runs.store import load_run, trained_on

Pixels = NDArray[np.uint8]

UNUSABLE = (DataError, ExplainError)
"""What a single picture may raise; the others are used all the same."""


@dataclass(frozen=True)
class Asked:
    """A run's network, on its device, and the data set it was trained on."""

    model: ResNet
    classes: tuple[str, ...]
    weights: str
    manifest: Manifest
    method: str
    stage: Stage = Stage.LAYER4

    @classmethod
    def of(cls, workspace: Workspace, run: str, manifest: Manifest, method: str) -> Asked:
        """The best network of a run with its data set; errors as `load_model`."""
        loaded = load_model(workspace, run)
        model = loaded.model.to(choose(loaded.config).device)
        return cls(model, loaded.classes, loaded.sha256, manifest, method)

    def read(self, file: str) -> Pixels:
        """The picture of an entry of `file`; DataError if it changed or cannot be read."""
        path = self.manifest.path(file)
        content = read_unchanged(path, self._hashes.get(file, ""))
        return read_known_bytes(content, path.name).pixels

    def explained(self, pixels: Pixels, target: int | None = None) -> Explanation:
        """The heatmap of a picture, of a class index or the class called; as `explain`."""
        return explain(
            self.model, pixels, self.classes, target=target, method=self.method, stage=self.stage
        )

    @cached_property
    def _hashes(self) -> dict[str, str]:
        table = self.manifest.table
        return dict(zip(table["file"], table["sha256"], strict=True))


class Counter:
    """Tells that one more of `total` is done."""

    def __init__(self, tell: Tell, step: str, total: int) -> None:
        self._tell, self._step, self._total = tell, step, total
        self._done = 0

    def __call__(self, *_: object) -> None:
        self._done = min(self._done + 1, self._total)
        self._tell(self._step, self._done, self._total)


def drawn(images: int, most: int) -> NDArray[np.int64]:
    """Places of at most so many of some images, in order; always the same."""
    return np.sort(np.random.default_rng(0).permutation(images)[:most])


def manifest_of(workspace: Workspace, run: str) -> Manifest:
    """The data set a run was trained on; DataError or RunError if it is gone or another now."""
    loaded = load_run(workspace, run)
    manifest = load_manifest(workspace, loaded.config.data)
    trained_on(loaded, manifest)
    return manifest
