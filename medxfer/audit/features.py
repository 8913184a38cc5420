"""What a network sees in each image of a data set: pooled features, computed once and kept."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from medxfer.audit.backbone import Backbone, is_here
from medxfer.cache.room import CacheRoom
from medxfer.cache.shelf import Rows
from medxfer.config import HeadConfig, Preset, Stage
from medxfer.data.manifest import Manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.errors import WeightsError
from medxfer.evaluation.pictures import Pictures, pieces_of
from medxfer.events import Preparing
from medxfer.machine import Machine
from medxfer.models.prefix import Prefix
from medxfer.models.resnet import build
from medxfer.models.weights.imagenet import imagenet_file
from medxfer.models.weights.load import IMAGENET, apply, load_weights
from medxfer.paths import Workspace
from medxfer.training.features import JUDGED, FeatureCache
from medxfer.training.watch import Preparation

_READ_AT_ONCE = 4096


def pooled_features(
    workspace: Workspace, manifest: Manifest, backbone: Backbone, machine: Machine
) -> Generator[Preparing, None, NDArray[np.float32]]:
    """(n, d): the features in front of the head for every image of the manifest, in its order.

    Each image is seen as it is when it is judged. Yields how far it is, returns the features; what
    a run or an earlier audit computed with the same weights is used again. Closing the generator
    stops the work and keeps what was done. Nothing is downloaded.

    Raises:
        WeightsError: the weights are not on this computer, or cannot be used.
        DataError, ImageError: a file changed or can no longer be read.
    """
    prefix = _prefix(workspace, backbone, machine)
    room, rows = CacheRoom(workspace.cache), np.arange(len(manifest), dtype=np.int64)
    with PixelStore(room, manifest) as store:
        pictures = Pictures(store, manifest.targets(), machine)
        cache = FeatureCache(room, pictures, prefix, Preset.RADIOGRAPH, seed=0)
        with closing(cache):
            cache.open([JUDGED])
            missing = cache.missing(JUDGED, rows)
            yield from _told(Preparation("pixels"), store.fill(missing))
            yield from _told(Preparation("features"), cache.fill(JUDGED, missing))
            return _read(cache, rows)


def _told(
    preparation: Preparation, work: Generator[tuple[int, int], None, None]
) -> Iterator[Preparing]:
    with closing(work):
        for done, total in work:
            if event := preparation.report(done, total):
                yield event


def _read(cache: FeatureCache, rows: Rows) -> NDArray[np.float32]:
    found = np.empty((len(rows), *cache.shape), dtype=np.float32)
    for piece in pieces_of(rows, _READ_AT_ONCE):
        taken = cache.take(np.full(len(piece), JUDGED), piece)
        found[piece] = taken.float().cpu().numpy()
    return found


def _prefix(workspace: Workspace, backbone: Backbone, machine: Machine) -> Prefix:
    """All stages before the head."""
    weights = backbone.weights
    if not is_here(workspace, backbone):
        raise WeightsError(
            f"The weights '{weights}' for ResNet-{backbone.depth} are not on this computer.",
            "Let a run download them, or choose a run or a weights file.",
        )
    if weights == IMAGENET:  # by its path: by its name it would be fetched again if altered
        weights = str(imagenet_file(backbone.depth, workspace))
    model = build(backbone.depth, 1, HeadConfig(kind="linear"))
    apply(model, load_weights(weights, backbone.depth, workspace))
    return Prefix(model.to(machine.device), Stage.HEAD, machine.dtype)
