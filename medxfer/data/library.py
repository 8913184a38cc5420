"""The data sets of a workspace."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches

import pandas as pd
from pyarrow import ArrowException

from medxfer.cache.room import CacheRoom
from medxfer.data.arrangement import Arrangement, arrange
from medxfer.data.building import build, split_warnings, write_splits
from medxfer.data.concerns import looked_at
from medxfer.data.correcting import append, read, refreshed
from medxfer.data.corrections import Correction, apply, check
from medxfer.data.decoding import Progress
from medxfer.data.info import DatasetInfo, read_info, write_info
from medxfer.data.listing import Listing
from medxfer.data.manifest import ARRANGED_SPLIT, GIVEN, Manifest, load
from medxfer.data.options import ImportOptions
from medxfer.data.pixel_store import key_of
from medxfer.data.staging import clear_abandoned, discard, staged, writing
from medxfer.errors import DataError, WorkspaceError
from medxfer.lock import held
from medxfer.paths import DatasetPaths, Workspace, check_name

__all__ = [
    "DEMO",
    "DatasetInfo",
    "clear_abandoned",
    "confirm_names",
    "correct",
    "damaged_datasets",
    "dataset_info",
    "delete_dataset",
    "ensure_demo",
    "list_datasets",
    "load_corrections",
    "load_manifest",
    "load_skipped",
    "resplit",
]

DEMO = "chest-phantoms"
DEMO_PATIENTS = 160
_DEMO_SEED = 0
_FAULTS = (OSError, ValueError, KeyError, TypeError, ArrowException)
"""What pandas and pyarrow are known to raise on damaged files."""


def list_datasets(workspace: Workspace) -> list[DatasetInfo]:
    """All data sets, newest first; damaged ones are left out. Opens no manifest."""
    found = []
    for folder in workspace.datasets.iterdir():
        try:
            found.append(read_info(DatasetPaths(folder)))
        except DataError:
            continue
    return sorted(found, key=lambda info: info.created, reverse=True)


def damaged_datasets(workspace: Workspace) -> list[str]:
    """Names of the data sets that `list_datasets` leaves out; they can only be deleted."""
    damaged = []
    for folder in sorted(workspace.datasets.iterdir()):
        try:
            check_name(folder.name, "data set")
        except WorkspaceError:  # no data set of ours
            continue
        try:
            read_info(DatasetPaths(folder))
        except DataError:
            damaged.append(folder.name)
    return [name for name in damaged if workspace.dataset(name).root.is_dir()]


def dataset_info(workspace: Workspace, name: str) -> DatasetInfo:
    """What is known of one data set.

    Raises:
        DataError: there is none of this name (the nearest is suggested), or it is damaged.
    """
    return read_info(_paths(workspace, name))


def load_manifest(workspace: Workspace, name: str) -> Manifest:
    """The manifest of a data set; DataError as `dataset_info`, or if it is damaged."""
    paths = _paths(workspace, name)
    info = read_info(paths)
    try:
        return load(paths.manifest, info.classes, info.folder(paths))
    except (*_FAULTS, DataError) as error:
        raise _damaged(name, "manifest") from error


def load_skipped(workspace: Workspace, name: str) -> pd.DataFrame:
    """Files the import left out: columns file and reason; DataError if they cannot be read."""
    try:
        return pd.read_csv(_paths(workspace, name).skipped, dtype=str, keep_default_na=False)
    except _FAULTS as error:
        raise _damaged(name, "list of skipped files") from error


def delete_dataset(workspace: Workspace, name: str) -> None:
    """Remove a data set, also a damaged one; images that lie outside the workspace stay.

    Decoded copies and all that was computed from its images go as well, unless a run is reading
    them just now. It vanishes at once and is then cleared away. Whether a run uses it is the
    caller's question.
    """
    paths = _paths(workspace, name)
    with suppress(DataError):  # a damaged one cannot say which pictures were its own
        CacheRoom(workspace.cache).forget(key_of(load_manifest(workspace, name)))
    doomed = workspace.staging / f"dataset-deleted-{uuid.uuid4().hex[:8]}"
    with writing(workspace, name):
        paths.root.rename(doomed)
    discard(doomed)


def load_corrections(workspace: Workspace, name: str) -> list[Correction]:
    """What people decided about images of a data set, the earliest first; DataError if damaged."""
    return read(_paths(workspace, name).corrections)


def correct(workspace: Workspace, name: str, *new: Correction) -> DatasetInfo:
    """Record corrections, all or none, and write the manifest that follows from them.

    Runs that were trained before then know that their data changed. What an earlier call recorded
    and could not carry out, as on a full disk, is carried out as well.

    Raises:
        DataError: one of them names what is not there or changes nothing; nothing is recorded.
        WorkspaceError: the data set cannot be written.
    """
    paths = _paths(workspace, name)
    with writing(workspace, name), held(paths.corrections.with_suffix(".lock"), _busy(name)):
        before = load_manifest(workspace, name)
        known = load_corrections(workspace, name)
        after = apply(before, known)
        for correction in new:
            check(after, known, correction)
            known.append(correction)
            after = apply(after, known)
        append(paths.corrections, new)
        changes = refreshed(read_info(paths), before, after, len(known))
        write_splits(paths, after)
        write_info(paths, changes)
    return changes


def confirm_names(workspace: Workspace, name: str) -> DatasetInfo:
    """Record that a person has looked at all pictures that may show names, and when.

    The warning of the data set then says so; it does not go.

    Raises:
        DataError: no picture of it may show names, or that is recorded already.
        WorkspaceError: the data set cannot be written.
    """
    paths = _paths(workspace, name)
    with writing(workspace, name), held(paths.corrections.with_suffix(".lock"), _busy(name)):
        info = read_info(paths)
        if not info.may_show_names or info.names_looked_at:
            raise DataError(
                f"No picture of the data set '{name}' waits to be looked at for names.",
                "Nothing is to be done.",
            )
        now = datetime.now(UTC)
        warnings = looked_at(info.warnings, info.may_show_names, now.date())
        changes = replace(info, warnings=warnings, names_looked_at=now)
        write_info(paths, changes)
    return changes


def resplit(
    workspace: Workspace, name: str, *, keep_given: bool = True, **choices: object
) -> DatasetInfo:
    """Arrange the splits anew, with some of the options of the import changed.

    `choices` are `seed`, `validation_fraction`, `test_fraction` or `set_aside_overlap`. With
    `keep_given` the source's own splits are the start again, and its test part stays as it is;
    without, everything is drawn. Corrections stay in force: classes are balanced by the corrected
    labels, and what was excluded, moved or put on one side is so again.

    Raises:
        ConfigError: a choice is out of its range.
        DataError: as `load_manifest`.
    """
    paths = _paths(workspace, name)
    with writing(workspace, name), held(paths.corrections.with_suffix(".lock"), _busy(name)):
        info = read_info(paths)
        options = ImportOptions.parse({**info.options.model_dump(), **choices})
        manifest = load_manifest(workspace, name)
        corrections = load_corrections(workspace, name)
        new = _arranged_anew(manifest, info, options, keep_given=keep_given)
        arranged = manifest.with_splits(new.splits)
        if ARRANGED_SPLIT in manifest.table:
            kept = arranged.table.assign(**{ARRANGED_SPLIT: arranged.table["split"]})
            arranged = replace(arranged, table=kept)
        after = apply(arranged, corrections)
        changes = replace(
            info,
            split_notes=new.notes,
            split_warnings=split_warnings(arranged, new),
            patients_across_splits=new.across,
            options=options,
        )
        changes = refreshed(changes, arranged, after, len(corrections))
        changes = replace(changes, warnings=info.warnings)
        write_splits(paths, after)
        write_info(paths, changes)
    return changes


def ensure_demo(workspace: Workspace, progress: Progress | None = None) -> DatasetInfo:
    """The synthetic chest phantoms, made on first use (the same ones every time)."""
    demo = workspace.dataset(DEMO)
    try:
        return read_info(demo) if demo.root.exists() else _make_demo(workspace, progress)
    except DataError:
        # Another process may have finished the same phantoms a moment earlier.
        return read_info(demo)


def _make_demo(workspace: Workspace, progress: Progress | None) -> DatasetInfo:
    from medxfer.data.phantom.generator import generate

    with staged(workspace, DEMO) as paths:
        paths.files.mkdir()
        table = generate(paths.files, patients=DEMO_PATIENTS, seed=_DEMO_SEED, progress=progress)
        listing = Listing(
            "phantom",
            "synthetic chest phantoms: computed pictures, no real patients",
            table.astype("str").assign(split=""),
            columns=tuple(table.columns),
            patient_column="patient",
        )
        return build(paths, listing, ImportOptions(name=DEMO), source="generated", secret=b"")[0]


def _arranged_anew(
    manifest: Manifest, info: DatasetInfo, options: ImportOptions, *, keep_given: bool
) -> Arrangement:
    table = manifest.table
    given = table[GIVEN] if keep_given else pd.Series("", index=table.index, dtype="str")
    return arrange(
        table["label"],
        table["patient"],
        given,
        options,
        table["sha256"],
        known=info.patients_known,
    )


def _busy(name: str) -> DataError:
    return DataError(
        f"The data set '{name}' is being changed elsewhere just now. Nothing was done.",
        "Try again in a moment.",
    )


def _damaged(name: str, what: str) -> DataError:
    return DataError(
        f"The data set '{name}' is damaged: its {what} cannot be read.",
        "Delete it and import it again.",
    )


def _paths(workspace: Workspace, name: str) -> DatasetPaths:
    paths = workspace.dataset(name)
    if not paths.root.is_dir():
        names = [folder.name for folder in workspace.datasets.iterdir()]
        near = get_close_matches(name, names, n=1)
        raise DataError(
            f"There is no data set called '{name}'.",
            f"Did you mean '{near[0]}'?" if near else "Import it first.",
        )
    return paths
