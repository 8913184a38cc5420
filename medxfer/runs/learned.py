"""What a network may have learned from: the data of its run and of all runs it started from."""

from __future__ import annotations

from dataclasses import dataclass

from medxfer.config import TrainConfig
from medxfer.data.library import dataset_info, load_manifest
from medxfer.data.manifest import Manifest
from medxfer.errors import DataError, RunError
from medxfer.events import Started
from medxfer.models.weights.lineage import ancestors
from medxfer.models.weights.load import IMAGENET, NONE, RUN
from medxfer.paths import Workspace
from medxfer.runs.store import load_run


@dataclass(frozen=True)
class Learned:
    """The files and patients of data sets that a network may know."""

    files: frozenset[str]
    """SHA-256 of every file, also of parts it was not trained on."""
    patients: frozenset[str] | None
    """Ids of people; None where no patient is known."""
    gap: str
    """Why there may be more, in a clause; "" if this is all."""


def learned(workspace: Workspace, run: str) -> Learned:
    """What the network of a run may have learned from.

    Raises:
        RunError: the run is unknown.
    """
    own = load_run(workspace, run).config
    files, patients = set[str](), set[str]()
    gaps: list[str] = []
    first: str = own.weights
    for name, config in [(run, own), *ancestors(workspace, own.weights)]:
        if config is None:
            gaps.append(f"run {name}, which it started from, is gone or cannot be read")
            break
        first = config.weights
        try:
            manifest = load_manifest(workspace, config.data)
            known = dataset_info(workspace, config.data).patients_known
        except DataError:
            gaps.append(f"the data set '{config.data}' of run {name} is gone or damaged")
            continue
        if not _is_unchanged(workspace, name, config, manifest):
            gaps.append(f"the data set '{config.data}' is not as run {name} learned from it")
        files |= set(manifest.table["sha256"])
        patients |= people(manifest) if known else set()
    if not gaps and not first.startswith(RUN) and first not in (NONE, IMAGENET):
        gaps.append("it started from a file of weights, which does not say what it learned from")
    return Learned(frozenset(files), frozenset(patients) or None, "; ".join(gaps))


def people(manifest: Manifest) -> set[str]:
    """The patient ids, without images of nobody known, which are patients of their own."""
    table = manifest.table
    return set(table["patient"][table["patient"] != table["image"]])


def _is_unchanged(workspace: Workspace, run: str, config: TrainConfig, manifest: Manifest) -> bool:
    try:
        events = load_run(workspace, run).events
    except RunError:
        return False
    started = next((event for event in events if isinstance(event, Started)), None)
    return started is not None and started.manifest_hash == manifest.content_hash
