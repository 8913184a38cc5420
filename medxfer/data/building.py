"""A listing and its files to a data set: decode, find patients, split, write."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pandas as pd

from medxfer.data.arrangement import Arrangement, arrange
from medxfer.data.concerns import absences, class_concerns, copies
from medxfer.data.decoding import Progress, examine
from medxfer.data.info import OWN_FILES, DatasetInfo, write_info
from medxfer.data.listing import Listing, SkippedFile
from medxfer.data.manifest import COLUMNS, GIVEN, MAY_SHOW_NAMES, OWN, PARTS, Manifest, Split, tidy
from medxfer.data.options import ImportOptions
from medxfer.data.patients import Patients, identify
from medxfer.errors import DataError
from medxfer.files import replacing
from medxfer.paths import DatasetPaths

_ID_DIGITS = 16
_MIN_CLASSES, _MAX_CLASSES = 2, 1000
_NAMED = 10


@dataclass(frozen=True)
class Understood:
    """A listing narrowed to the chosen classes, with its patients and splits."""

    table: pd.DataFrame
    classes: tuple[str, ...]
    patients: Patients
    arrangement: Arrangement
    warnings: tuple[str, ...]
    """All there are, the listing's first."""


def understand(
    listing: Listing,
    options: ImportOptions,
    contents: pd.Series[str] | None = None,
    tagged: pd.Series[str] | None = None,
) -> Understood:
    """Choose classes, find patients and arrange splits; nothing is opened.

    `contents` are hashes of the files by name, where they are known; `tagged` are patients by the
    tags of DICOM files, "" for other files.

    Raises:
        DataError: fewer than two classes are left, or a choice does not fit the source.
    """
    classes = _classes(listing, options.classes)
    table = listing.table[listing.table["label"].isin(classes)].reset_index(drop=True)
    column = _patient_column(listing, options)
    given = table["patient"] if column else None
    tags = None if tagged is None else table["file"].map(tagged)
    patients = identify(table["file"], given, column, options.patient_pattern, tags)
    # An image of nobody known is its own patient, by its id: a path may hold a name.
    ids = patients.ids.where(patients.ids != table["file"], table["file"].map(_image_id))
    patients = replace(patients, ids=ids)
    same = None if contents is None else table["file"].map(contents)
    arrangement = arrange(
        table["label"], patients.ids, table["split"], options, same, known=patients.known
    )
    concerns = class_concerns(table["label"], patients.ids)
    warnings = (*listing.warnings, *patients.warnings, *concerns)
    return Understood(table, classes, patients, arrangement, warnings)


def build(
    paths: DatasetPaths,
    listing: Listing,
    options: ImportOptions,
    *,
    source: str,
    secret: bytes,
    root: str = OWN_FILES,
    strip: bool = False,
    progress: Progress | None = None,
) -> tuple[DatasetInfo, tuple[SkippedFile, ...]]:
    """Decode every image and write the data set's files into `paths`.

    `root` is the folder the images lie in, or `OWN_FILES`. Files that cannot be used are given
    back with reasons, and written down. `secret` is what patients' ids in DICOM files are hidden
    by; with `strip` those files lose all but their pictures and technical tags.

    Raises:
        DataError: too little is left to learn from.
    """
    wanted = listing.table["label"].isin(_classes(listing, options.classes))
    chosen = listing.table[wanted]
    place = paths.files if root == OWN_FILES else paths.root / root
    examined = examine(place, chosen["file"].tolist(), secret, progress, strip=strip)
    facts, unusable = examined.facts, examined.skipped
    usable = chosen[chosen["file"].isin(facts["file"])]
    if usable.empty:
        raise DataError(
            f"None of {len(unusable):,} files can be used." + _first_reason(unusable),
            "Export the pictures as PNG, JPEG, TIFF, BMP, DICOM or NIfTI, and import again.",
        )
    contents = facts.set_index("file")["sha256"]
    known = understand(replace(listing, table=usable), options, contents, examined.patients)
    table = known.table.assign(split=known.arrangement.splits)
    table[GIVEN] = known.table["split"]
    table["image"] = table["file"].map(_image_id)
    table["patient"] = known.patients.ids
    if examined.lettered:
        table[MAY_SHOW_NAMES] = table["file"].isin(examined.lettered).map({True: "yes", False: ""})
    table = _with_tags(table, examined.tags).merge(facts, on="file")
    manifest = Manifest(tidy(table), known.classes, place)
    skipped = (*listing.skipped, *unusable)
    info = DatasetInfo(
        name=options.name,
        kind=listing.kind,
        source=source,
        layout=listing.layout,
        root=root,
        created=datetime.now(UTC),
        classes=known.classes,
        images=len(manifest),
        patients=known.patients.count,
        patients_known=known.patients.known,
        patient_source=known.patients.source,
        patients_across_splits=known.arrangement.across,
        splits=split_counts(manifest),
        split_notes=known.arrangement.notes,
        warnings=(*known.warnings, *examined.oddities),
        split_warnings=split_warnings(manifest, known.arrangement),
        synthetic=listing.kind == "phantom",
        skipped=len(skipped),
        manifest_hash=manifest.content_hash,
        split_hash=manifest.split_hash,
        options=options,
        may_show_names=int(table["file"].isin(examined.lettered).sum()),
    )
    write_splits(paths, manifest)
    with replacing(paths.skipped) as temporary:
        pd.DataFrame(skipped, columns=["file", "reason"]).to_csv(temporary, index=False)
    write_info(paths, info)
    return info, skipped


def write_splits(paths: DatasetPaths, manifest: Manifest) -> None:
    """Write the manifest, and its splits as the small file people can read and keep."""
    with replacing(paths.manifest) as temporary:
        manifest.save(temporary)
    with replacing(paths.splits) as temporary:
        columns = ["image", "file", "patient", "split"]
        manifest.table.to_csv(temporary, columns=columns, index=False)


def split_counts(manifest: Manifest) -> dict[str, int]:
    """Images by split; the three parts always, excluded ones if there are any."""
    counts = manifest.table["split"].value_counts()
    names = [*PARTS, *([Split.EXCLUDED] if Split.EXCLUDED in counts else [])]
    return {str(name): int(counts.get(str(name), 0)) for name in names}


def split_warnings(manifest: Manifest, arrangement: Arrangement) -> tuple[str, ...]:
    """Warnings another split could take back: overlap, copies in two parts, absent classes."""
    return (*arrangement.warnings, *derived_warnings(manifest))


def derived_warnings(manifest: Manifest) -> tuple[str, ...]:
    """Warnings that the manifest as it is gives cause for: copies in two parts, absent classes."""
    return (*copies(manifest.part(*PARTS).table), *absences(manifest.counts()))


def _classes(listing: Listing, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    found = sorted(listing.table["label"].unique())
    unknown = [name for name in chosen or () if name not in found]
    if unknown:
        raise DataError(
            f"There is no class '{unknown[0]}' in the source.",
            f"It has: {', '.join(found[:_NAMED])}{', …' if len(found) > _NAMED else '.'}",
        )
    classes = tuple(dict.fromkeys(chosen)) if chosen else tuple(found)
    if not found:
        raise DataError(
            "No usable picture was found." + _first_reason(listing.skipped),
            "Check the table or the folder, and import again.",
        )
    if len(classes) < _MIN_CLASSES:
        raise DataError(
            f"Only one class was found: {classes[0]}. Learning needs at least two.",
            "Put the pictures of each class into a folder of its own, or name the label column.",
        )
    if len(classes) > _MAX_CLASSES:
        raise DataError(
            f"There are {len(classes):,} different labels, such as '{classes[0]}': that looks like "
            f"an id, not a class. The limit is {_MAX_CLASSES:,}.",
            "Name another label column, or say which classes to keep.",
        )
    return classes


def _with_tags(table: pd.DataFrame, tags: pd.DataFrame) -> pd.DataFrame:
    """The technical tags as columns behind the others; none takes the place of one."""
    taken = {*table.columns, *COLUMNS, *OWN}
    names = {name: f"DICOM {name}" if name in taken else name for name in tags.columns}
    found = tags.rename(columns=names).reindex(table["file"], fill_value="")
    return pd.concat([table, found.set_axis(table.index)], axis="columns")


def _patient_column(listing: Listing, options: ImportOptions) -> str | None:
    if options.patient_column and listing.patient_column is None:
        raise DataError(
            f"There is no column '{options.patient_column}': the source has no table.",
            "Give a pattern for file names instead.",
        )
    return listing.patient_column


def _first_reason(skipped: tuple[SkippedFile, ...]) -> str:
    return f" {skipped[0].file}: {skipped[0].reason}" if skipped else ""


def _image_id(file: str) -> str:
    return hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:_ID_DIGITS]
