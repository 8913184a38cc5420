"""The audit of a data set: every check in turn, and what they found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from medxfer.audit.copies import pair_findings
from medxfer.audit.finding import Finding
from medxfer.audit.keeping import load_audit, save_audit
from medxfer.audit.patients import (
    class_sizes,
    patient_findings,
    patients_across_splits,
    size_findings,
)
from medxfer.audit.record import Audit, is_current
from medxfer.audit.settling import PICTURE_CHECKS, kept_together, without_kept
from medxfer.audit.shortcuts import Shortcuts, shortcuts
from medxfer.audit.work import Work, Working
from medxfer.cache.room import CacheRoom
from medxfer.cache.shelf import Rows
from medxfer.data.corrections import Correction
from medxfer.data.library import dataset_info, load_corrections, load_manifest
from medxfer.data.manifest import PARTS, Manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.data.staging import writing
from medxfer.evaluation.severity import Severity
from medxfer.events import Tell
from medxfer.paths import Workspace

__all__ = ["Audit", "Checks", "is_current", "load_audit", "run_audit"]

_MANY_FAULTY = 0.05
_IMAGES = {"image": "file", "first": "first_file", "second": "second_file"}
"""Columns with the id of an image, and where the name of its file goes."""


@dataclass(frozen=True)
class Checks:
    """What looks at pixels; a test gives others.

    What `appearance` returns the others are given; `near_duplicates` also the exact ones.
    """

    appearance: Callable[[PixelStore, Rows], Working[Any]]
    exact_duplicates: Callable[[Manifest, Any], pd.DataFrame]
    near_duplicates: Callable[[Manifest, Any, PixelStore, pd.DataFrame], Working[pd.DataFrame]]
    quality: Callable[[Manifest, Any], pd.DataFrame]


def run_audit(
    workspace: Workspace,
    name: str,
    tell: Tell | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    checks: Checks | None = None,
) -> Audit:
    """Look at every image of a data set once, judge what was found and keep the result.

    Excluded images are not looked at: of exact copies one is compared for all, and that one must be
    in use. Pictures are decoded into the pixel store, which training reads from as well. After an
    end at any moment the next call begins anew, with what is decoded.

    Raises:
        DataError: there is no such data set, it is damaged, or a file changed since the import.
        Stopped: `should_stop` said so; what was kept before stays.
    """
    begun = time.monotonic()
    manifest = load_manifest(workspace, name)
    known = dataset_info(workspace, name).patients_known
    corrections = load_corrections(workspace, name)
    work = Work(tell or (lambda *_: None), should_stop)
    checks = checks or _checks()
    rows = manifest.rows(*PARTS)
    with (
        writing(workspace, name),
        PixelStore(CacheRoom(workspace.cache), manifest) as store,
    ):
        appearance = work.drive("Looking at pictures", checks.appearance(store, rows))
        exact = checks.exact_duplicates(manifest, appearance)
        looking = checks.near_duplicates(manifest, appearance, store, exact)
        near = work.drive("Looking for copies", looking)
    used = manifest.part(*PARTS)
    same = near["kind"] == "exact"  # what only files decoded in full could tell
    shared = patients_across_splits(manifest)
    tables = {
        "duplicates": _among(used, pd.concat([exact, near[same]], ignore_index=True)),
        "near_duplicates": _among(used, near[~same]),
        "patients_across_splits": shared if known else shared.head(0),
        "too_few": class_sizes(manifest),
        "quality": _among(used, checks.quality(manifest, appearance)),
    }
    features = appearance.features().set_axis(rows).reindex(range(len(manifest)))
    short = shortcuts(manifest, features, work.ticking("Trying shortcuts"))
    tables["shortcuts"] = short.table()
    audit = Audit(
        dataset=name,
        manifest_hash=manifest.content_hash,
        split_hash=manifest.split_hash,
        created=datetime.now(UTC),
        seconds=time.monotonic() - begun,
        images=len(rows),
        found=tuple(_findings(manifest, known, tables, short, corrections)),
        **_looked_at(known, short),
        left_out=short.left_out,
        note=short.note,
        tables=tables,
    )
    work.check()
    with writing(workspace, name):
        save_audit(workspace.dataset(name), audit)
    return load_audit(workspace, name) or audit


def _checks() -> Checks:
    from medxfer.audit.appearance import appearance
    from medxfer.audit.duplicates import exact_duplicates, near_duplicates
    from medxfer.audit.quality import quality

    return Checks(appearance, exact_duplicates, near_duplicates, quality)


def _among(used: Manifest, table: pd.DataFrame) -> pd.DataFrame:
    """Without rows about excluded images; with the file of each image, for a person to read."""
    columns = [column for column in _IMAGES if column in table]
    files = used.table.set_index("image")["file"]
    kept = table[table[columns].isin(files.index).all(axis=1)].reset_index(drop=True)
    return kept.assign(**{_IMAGES[column]: kept[column].map(files) for column in columns})


def _findings(
    manifest: Manifest,
    known: bool,
    tables: dict[str, pd.DataFrame],
    short: Shortcuts,
    corrections: Sequence[Correction],
) -> list[Finding]:
    # Whoever keeps two pictures says that they are not the same; equal pixels are all the same.
    copies = tables["duplicates"]
    near = without_kept(tables["near_duplicates"], kept_together(corrections))
    if not known:  # each image counts as a patient: that copies are of two says nothing
        copies, near = (pairs.assign(different_patients=False) for pairs in (copies, near))
    quality = without_kept(tables["quality"], kept_together(corrections, *PICTURE_CHECKS))
    return [
        *pair_findings("duplicates", "exact copies of each other", manifest, copies),
        *pair_findings("near_duplicates", "nearly the same", manifest, near),
        *patient_findings(manifest, known=known),
        *short.findings(),
        *size_findings(manifest, known=known),
        *_quality_findings(quality, len(manifest.rows(*PARTS))),
        *_kept_findings(tables["near_duplicates"], near, tables["quality"], quality),
    ]


def _kept_findings(
    near: pd.DataFrame, open_near: pd.DataFrame, quality: pd.DataFrame, open_quality: pd.DataFrame
) -> list[Finding]:
    """What a person's word took out of the findings is told, so that it is not silent."""
    pairs = near[~near.index.isin(open_near.index)]
    pictures = quality[~quality.index.isin(open_quality.index)]["image"].nunique()
    if pairs.empty and not pictures:
        return []
    problem = (
        f"{len(pairs):,} near copies ({int(pairs['across_splits'].sum()):,} across parts) and "
        f"{pictures:,} odd pictures are not counted: someone looked at them and kept them."
    )
    remedy = "Look at the decisions; each can be undone."
    return [Finding("decisions", Severity.NOTE, problem, remedy)]


def _quality_findings(quality: pd.DataFrame, images: int) -> list[Finding]:
    """One a reason; what is wrong with many pictures is more than a note."""
    findings = []
    for reason, count in quality["reason"].value_counts().items():
        severity = Severity.SERIOUS if count > _MANY_FAULTY * images else Severity.NOTE
        apart = "1 stands apart: it" if count == 1 else f"{count:,} stand apart: each"
        problem = f"Of {images:,} pictures {apart} {reason}."
        remedy = "Look at them, and exclude those that are no use."
        findings.append(Finding("quality", severity, problem, remedy))
    return findings


def _looked_at(known: bool, short: Shortcuts) -> dict[str, Any]:
    """The checks in words, made and not made."""
    checked = ["exact copies", "near copies", "sizes of classes and parts", "picture quality"]
    not_checked = {}
    if known:
        checked.append("patients on more than one side")
    else:
        not_checked["patients on more than one side"] = "Patients are not known."
    if short.reason:
        not_checked["shortcuts"] = short.reason
    else:
        checked.append("shortcuts")
    return {"checked": tuple(checked), "not_checked": not_checked}
