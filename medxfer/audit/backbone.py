"""Which network looks at the images of an audit: one that is here already, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medxfer.config import Depth, TrainConfig
from medxfer.errors import WeightsError
from medxfer.models.weights.imagenet import is_cached
from medxfer.models.weights.lineage import ancestors, settings
from medxfer.models.weights.load import IMAGENET, NONE, RUN
from medxfer.paths import RunPaths, Workspace


@dataclass(frozen=True)
class Backbone:
    """Weights as in `TrainConfig.weights`, and the depth of the ResNet they are for."""

    weights: str
    depth: Depth
    knows: str = ""
    """The data set of this workspace whose labels these weights have learned, "" if none.

    What a network has learned by heart it does not doubt.
    """


def best_backbone(workspace: Workspace, data: str) -> Backbone:
    """The network to look at the data set `data` with.

    What the newest run started from, if it is on this computer; else ImageNet weights that were
    downloaded before; else what a run of this workspace learned, best from other data.

    Raises:
        WeightsError: there is none of these.
    """
    runs = list(_runs(workspace))
    started = [_known(workspace, config.weights, config.depth) for _, config in runs]
    for backbone in started:
        if is_here(workspace, backbone) and backbone.knows != data:
            return backbone
    for depth in Depth:
        if is_cached(depth, workspace):
            return Backbone(IMAGENET, depth)
    trained = [_known(workspace, RUN + paths.root.name, config.depth) for paths, config in runs]
    for backbone in sorted(trained, key=lambda backbone: backbone.knows == data):
        if is_here(workspace, backbone):
            return backbone
    raise WeightsError(
        "No trained network is on this computer yet, so nothing can be said about labels and "
        "about pictures that do not belong.",
        "Let a run download ImageNet weights, train a run, or name a weights file.",
    )


def is_here(workspace: Workspace, backbone: Backbone) -> bool:
    """Whether trained weights are on this computer; what is in them is checked when they load."""
    weights, depth = backbone.weights, backbone.depth
    if weights == NONE:
        return False
    if weights == IMAGENET:
        return is_cached(depth, workspace)
    if weights.startswith(RUN):
        run = workspace.runs / weights.removeprefix(RUN)
        return (run / "checkpoints" / "best.json").is_file()
    return Path(weights).is_file()


def _known(workspace: Workspace, weights: str, depth: Depth) -> Backbone:
    """These weights, and whose labels they have learned."""
    for _, config in ancestors(workspace, weights):
        if config is not None and config.strategy.name != "all":  # which trains only the head
            return Backbone(weights, depth, config.data)
    return Backbone(weights, depth)


def _runs(workspace: Workspace) -> Iterator[tuple[RunPaths, TrainConfig]]:
    """Runs and their settings, the newest first; what cannot be read is left out."""
    for folder in sorted(workspace.runs.iterdir(), reverse=True):
        paths = RunPaths(folder)
        if (config := settings(paths)) is not None:
            yield paths, config
