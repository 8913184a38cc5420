"""What a network on this computer says of a data set: labels in doubt, and strangers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import pandas as pd

from medxfer.audit.backbone import Backbone, best_backbone, is_here
from medxfer.audit.doubts import CHECK as LABEL_DOUBTS
from medxfer.audit.doubts import label_doubts
from medxfer.audit.features import pooled_features
from medxfer.audit.finding import Finding
from medxfer.audit.settling import PICTURE_CHECKS, kept_together
from medxfer.audit.strangers import finding as strangers_finding
from medxfer.audit.strangers import strangers
from medxfer.config import Depth, TrainConfig
from medxfer.data.library import load_corrections
from medxfer.data.manifest import PARTS, Manifest
from medxfer.errors import WeightsError
from medxfer.machine import choose
from medxfer.models.weights.load import load_weights
from medxfer.paths import Workspace
from medxfer.working import told_as

BEST = "best"
"""In place of weights: the best of those that are on this computer."""


@dataclass(frozen=True)
class NetworkAnswer:
    """What is doubtful about labels and pictures, by the weights of a network."""

    weights: str
    doubts: pd.DataFrame
    """Columns row (of the manifest), rank, label, suggested, doubt; empty if nothing can be
    said."""
    strangers: pd.DataFrame
    """Columns row, rank, distance, bound, stranger: the strangest first."""
    findings: tuple[Finding, ...]


def ask_network(
    workspace: Workspace, name: str, manifest: Manifest, weights: str
) -> Generator[tuple[int, int], None, NetworkAnswer]:
    """Look at every image of the data set `name` through these weights; yields (done, total).

    `weights` are as `TrainConfig.weights`, or `best`. Nothing is downloaded. Excluded images are
    not judged.

    Raises:
        WeightsError: the weights are not on this computer or cannot be used.
        DataError, ImageError: a file changed or can no longer be read.
    """
    backbone = best_backbone(workspace, name) if weights == BEST else _found(workspace, weights)
    machine = choose(TrainConfig(data=name))
    looking = pooled_features(workspace, manifest, backbone, machine)
    features = yield from told_as(looking, lambda event: (event.done, event.total))
    rows = manifest.rows(*PARTS)
    table, seen = manifest.table.iloc[rows], features[rows]
    labels, patients = table["label"].tolist(), table["patient"].tolist()
    doubts = label_doubts(seen, labels, patients, manifest.classes)
    unlike = strangers(seen, labels, patients)
    said = pd.DataFrame({"row": []}) if doubts.table is None else doubts.table
    corrections = load_corrections(workspace, name)
    right = _kept(table, kept_together(corrections, LABEL_DOUBTS))
    fine = _kept(table, kept_together(corrections, *PICTURE_CHECKS))
    found = (
        doubts.finding(right),
        strangers_finding(unlike[~unlike["row"].isin(fine)]),
    )
    return NetworkAnswer(
        f"{backbone.weights}, ResNet-{backbone.depth}",
        said.assign(row=rows[said["row"].astype(int)]),
        unlike.assign(row=rows[unlike["row"]]),
        tuple(finding for finding in found if finding),
    )


def _kept(table: pd.DataFrame, kept: set[frozenset[str]]) -> list[int]:
    """The places in the table of images that someone called right as they are."""
    return [row for row, image in enumerate(table["image"]) if frozenset({image}) in kept]


def _found(workspace: Workspace, weights: str) -> Backbone:
    """These weights, with the depth of ResNet they fit."""
    problem = WeightsError(
        f"The weights '{weights}' are not on this computer.",
        "Let a run download them, or name a run as run:ID, a weights file, or 'best'.",
    )
    for depth in Depth:
        backbone = Backbone(weights, depth)
        if not is_here(workspace, backbone):
            continue
        try:
            load_weights(weights, depth, workspace)
        except WeightsError as error:  # of another depth, or no weights at all
            problem = error
        else:
            return backbone
    raise problem
