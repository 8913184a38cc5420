"""What can be known to be wrong before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from medxfer.cache.room import CacheRoom
from medxfer.config import Monitor, TrainConfig
from medxfer.data.integrity import check_unchanged
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest, Split
from medxfer.data.pixel_store import PixelStore
from medxfer.errors import DiskError, TrainingError
from medxfer.machine import Machine, choose
from medxfer.models.cost import cost
from medxfer.models.weights.imagenet import is_cached
from medxfer.models.weights.load import IMAGENET, load_weights
from medxfer.paths import Workspace
from medxfer.training.plan import plan

_NETWORKS_AT_ONCE = 8
"""A save holds the network, two moments of each weight and the best epoch; the one before it goes
last."""
_TWO_CLASSES = 2
_FEWEST_TRAIN = 2
"""Images a class needs to learn from at all."""


@dataclass(frozen=True)
class Ready:
    """What a run starts from, weights aside."""

    manifest: Manifest
    machine: Machine


def check(
    workspace: Workspace,
    config: TrainConfig,
    progress: Callable[[int, int], None] | None = None,
    *,
    fetch: bool = True,
) -> Ready:
    """Make sure that a run with these settings can start; what was loaded to find out.

    Data, files, strategy, device, disk and weights are looked at. ImageNet weights that are not on
    this computer yet are fetched, and `progress` is told the bytes done and in all; without
    `fetch` they are left to the run.

    Raises:
        MedxferError: what stands in the way, and what to do about it.
    """
    ready = check_all_but_weights(workspace, config)
    if fetch or config.weights != IMAGENET or is_cached(config.depth, workspace):
        load_weights(config.weights, config.depth, workspace, progress)
    return ready


def check_all_but_weights(workspace: Workspace, config: TrainConfig) -> Ready:
    """`check` for a run that has its weights, or fetches them itself.

    Raises:
        MedxferError: as `check`; a DeviceError or DiskError can be mended without a new run.
    """
    plan(config)
    machine = choose(config)
    manifest = load_manifest(workspace, config.data)
    check_parts(manifest, config.monitor)
    check_finding(manifest, config.positive)
    check_unchanged(manifest.part(Split.TRAIN, Split.VALIDATION, Split.TEST))
    _check_disk(workspace, config, manifest)
    return Ready(manifest, machine)


def check_parts(manifest: Manifest, monitor: Monitor) -> None:
    """Every class must be there to learn from, and in validation for AUROC to be defined.

    Raises:
        TrainingError: naming the classes and how many images they have, or a label of no class.
    """
    unknown = sorted(set(manifest.table["label"]) - set(manifest.classes))
    if unknown:
        raise TrainingError(
            f"Images are labelled {_listed(unknown)}, which is no class of this data set.",
            "Import the data set again.",
        )
    counts = manifest.counts()
    few = counts[counts[Split.TRAIN] < _FEWEST_TRAIN].index.tolist()
    if few:
        raise TrainingError(
            f"Nothing can be learned about {_listed(few)}: fewer than {_FEWEST_TRAIN} training "
            "images.",
            "Add images, or import the data set without these classes.",
        )
    if counts[Split.VALIDATION].sum() == 0:
        raise TrainingError(
            "This data set has no validation images, so no epoch could be called the best.",
            "Draw the splits again with a validation part.",
        )
    absent = counts[counts[Split.VALIDATION] == 0].index.tolist()
    if absent and monitor is Monitor.AUROC:
        raise TrainingError(
            f"AUROC is not defined on validation: it has no image of {_listed(absent)}.",
            "Draw the splits again, or choose the best epoch by the loss.",
        )


def check_finding(manifest: Manifest, finding: str | None) -> None:
    """A finding, if one is named, is one of two classes.

    Raises:
        TrainingError: there are more classes, or none of that name.
    """
    if finding is None:
        return
    if len(manifest.classes) != _TWO_CLASSES:
        raise TrainingError(
            f"With {len(manifest.classes)} classes none is the finding: each is judged against the "
            "rest.",
            "Leave the finding out.",
        )
    if finding not in manifest.classes:
        raise TrainingError(
            f"The finding cannot be '{finding}': the classes are {_listed(manifest.classes)}.",
            "Name one of them.",
        )


def _check_disk(workspace: Workspace, config: TrainConfig, manifest: Manifest) -> None:
    parameters = cost(config.depth, config.head, len(manifest.classes)).parameters
    with PixelStore(CacheRoom(workspace.cache), manifest) as store:
        needed = parameters * 4 * _NETWORKS_AT_ONCE + store.still_needed
    free = shutil.disk_usage(workspace.root).free
    if free < needed:
        raise DiskError(
            f"The disk of {workspace.root} has {free / 1e6:.0f} MB free; this run needs "
            f"{needed / 1e6:.0f} MB for decoded images and checkpoints.",
            "Free some space, or choose another workspace.",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
