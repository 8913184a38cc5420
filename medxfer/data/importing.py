"""Importing: look at a source first, then turn it into a data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medxfer.data import archive, medmnist
from medxfer.data.building import build, understand
from medxfer.data.decoding import Progress
from medxfer.data.info import OWN_FILES, DatasetInfo
from medxfer.data.listing import SkippedFile
from medxfer.data.manifest import PARTS, Split
from medxfer.data.options import ImportOptions
from medxfer.data.patients import UNKNOWN_WARNING
from medxfer.data.pseudonyms import secret_of
from medxfer.data.sniffing import HEAD, is_dicom, is_nifti
from medxfer.data.sources import Source, find_source, is_archive, list_source, understand_source
from medxfer.data.staging import staged
from medxfer.paths import DatasetPaths, Workspace

__all__ = ["ImportOptions", "ImportReport", "Preview", "SkippedFile", "import_source", "preview"]

IN_TAGS = "the DICOM tag PatientID, read during the import and kept as a keyed hash"
"""Where patients of DICOM files will come from, unless something else tells them apart."""
_SAMPLE = 12
_ROWS = 5


@dataclass(frozen=True)
class Preview:
    """How a source would be understood.

    `classes` counts files by class, `splits` by the part they would go to; `names` are a few
    file names, one in so many; `first_rows` shows a table's rows as understood; `patients` is
    None while nothing tells them apart; `patients_across_splits` are on both sides of a split
    that is kept; `skipped` is what is already known to be left out.
    """

    layout: str
    classes: dict[str, int]
    splits: dict[str, int]
    columns: tuple[str, ...]
    names: tuple[str, ...]
    patient_source: str
    patients: int | None
    warnings: tuple[str, ...]
    first_rows: tuple[dict[str, str], ...]
    split_notes: tuple[str, ...]
    patients_across_splits: tuple[str, ...]
    skipped: tuple[SkippedFile, ...]


@dataclass(frozen=True)
class ImportReport:
    """What an import made, and what it left out."""

    name: str
    images: int
    classes: tuple[str, ...]
    splits: dict[str, int]
    patients: int
    patients_known: bool
    patient_source: str
    layout: str
    split_notes: tuple[str, ...]
    skipped: tuple[SkippedFile, ...]
    warnings: tuple[str, ...]
    patients_across_splits: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values under the keys of `medxfer data import --json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ImportReport:
        """The report that `to_json` was called on."""
        skipped = tuple(SkippedFile(**entry) for entry in values["skipped"])
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists, "skipped": skipped})


def preview(source: Path, options: ImportOptions) -> Preview:
    """Understand a source without decoding a picture.

    Raises:
        DataError: it cannot be imported as it is.
    """
    listing = list_source(find_source(source), options)
    known = understand(listing, options)
    files = known.table["file"]
    labels = known.table["label"].value_counts()
    tagged = listing.dicom and not known.patients.known
    warnings = tuple(text for text in known.warnings if not (tagged and text == UNKNOWN_WARNING))
    places = known.arrangement.splits.value_counts()
    extra = [str(Split.EXCLUDED)] if Split.EXCLUDED in places else []
    columns = [name for name in ("file", "label", "patient", "split") if name in known.table]
    shown = known.table[columns].head(_ROWS if listing.columns else 0)
    rows = [dict(zip(columns, row, strict=True)) for row in shown.itertuples(index=False)]
    return Preview(
        layout=listing.layout,
        classes={name: int(labels[name]) for name in known.classes},
        splits={name: int(places.get(name, 0)) for name in [*map(str, PARTS), *extra]},
        columns=listing.columns,
        names=tuple(files.iloc[:: max(1, len(files) // _SAMPLE)].head(_SAMPLE)),
        patient_source=IN_TAGS if tagged else known.patients.source,
        patients=known.patients.count if known.patients.known else None,
        warnings=(*warnings, *known.arrangement.warnings),
        first_rows=tuple(rows),
        split_notes=known.arrangement.notes,
        patients_across_splits=known.arrangement.across,
        skipped=listing.skipped,
    )


def import_source(
    workspace: Workspace, source: Path, options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Turn a source into the data set `options.name`.

    Images in a folder stay where they are and are only read; those of a ZIP or MedMNIST file
    are unpacked into the data set. `progress` is called with (done, total) for every picture;
    if it raises, nothing of the import stays.

    Raises:
        DataError: the name is taken, or the source cannot be imported as it is.
        WorkspaceError: the data set cannot be written, as on a full disk.
    """
    source = find_source(source)
    with staged(workspace, options.name) as paths:
        if is_archive(source):
            archive.unpack(source, paths.files)
            found = understand_source(paths.files, options, source.name)
        else:
            found = understand_source(source, options)
        root = _settle(found, paths, packed=is_archive(source))
        info, skipped = build(
            paths,
            found.listing,
            options,
            source=str(source),
            secret=secret_of(workspace.secret),
            root=root,
            strip=root == OWN_FILES,
            progress=progress,
        )
        if is_archive(source):
            _discard_unread(paths)
    return _report(info, skipped)


def _settle(found: Source, paths: DatasetPaths, *, packed: bool) -> str:
    """Write a MedMNIST file's images, if it is one; say where the images lie."""
    if found.arrays is None:
        return OWN_FILES if packed else str(found.root)
    medmnist.write_images(found.arrays, found.arrays.name, paths.files)
    return OWN_FILES


def _discard_unread(paths: DatasetPaths) -> None:
    """Remove what an archive held beside usable pictures and could name a patient.

    These are the files that could not be used, and DICOM and NIfTI files that nobody asked for.
    """
    used = set(pd.read_parquet(paths.manifest, columns=["file"])["file"])
    unusable = set(pd.read_csv(paths.skipped, dtype=str, keep_default_na=False)["file"])
    for file in paths.files.rglob("*"):
        name = file.relative_to(paths.files).as_posix()
        if not file.is_file() or name in used:
            continue
        with file.open("rb") as opened:
            head = opened.read(HEAD)
        if is_dicom(head) or is_nifti(head) or name in unusable:
            file.unlink()


def _report(info: DatasetInfo, skipped: tuple[SkippedFile, ...]) -> ImportReport:
    return ImportReport(
        name=info.name,
        images=info.images,
        classes=info.classes,
        splits=info.splits,
        patients=info.patients,
        patients_known=info.patients_known,
        patient_source=info.patient_source,
        layout=info.layout,
        split_notes=info.split_notes,
        skipped=skipped,
        warnings=(*info.warnings, *info.split_warnings),
        patients_across_splits=info.patients_across_splits,
    )
