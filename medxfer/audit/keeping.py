"""Keeping an audit beside its data set: one JSON file, and a Parquet table a check."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowException

from medxfer.audit.finding import Finding
from medxfer.audit.record import TABLES, Audit
from medxfer.data.manifest import Manifest
from medxfer.evaluation.severity import Severity
from medxfer.files import replacing, write_json
from medxfer.paths import DatasetPaths, Workspace

VERSION = 2
"""Counts up when the same data set would be judged otherwise; older audits are made anew."""
_FOLDER, _DOUBTS = "tables-", "doubts-"
_LOOKS = 3
_FAULTS = (OSError, ValueError, KeyError, TypeError, ArrowException)


def load_audit(workspace: Workspace, name: str) -> Audit | None:
    """The latest audit of a data set, current or not; None if there is none that can be read."""
    folder = workspace.dataset(name).audit
    for _ in range(_LOOKS):
        try:
            return _with_doubts(folder, _read(folder))
        except FileNotFoundError:  # none yet, or replaced between two of its files
            continue
        except _FAULTS:
            return None
    return None


def save_audit(paths: DatasetPaths, audit: Audit) -> None:
    """Keep this audit in place of the last; a reader sees the one or the other, whole."""
    values = {
        "version": VERSION,
        "dataset": audit.dataset,
        "manifest_hash": audit.manifest_hash,
        "split_hash": audit.split_hash,
        "created": audit.created.isoformat(),
        "seconds": audit.seconds,
        "images": audit.images,
        "found": [finding.to_json() for finding in audit.found],
        "checked": list(audit.checked),
        "not_checked": dict(audit.not_checked),
        "left_out": dict(audit.left_out),
        "note": audit.note,
    }
    tables = paths.audit / f"{_FOLDER}{secrets.token_hex(8)}"
    for name in TABLES:
        _save_table(tables / f"{name}.parquet", audit.tables[name])
    write_json(paths.audit / "audit.json", values | {"tables": tables.name})
    _clear(paths.audit.glob(f"{_FOLDER}*"), tables)


def save_doubts(
    paths: DatasetPaths,
    manifest: Manifest,
    weights: str,
    doubts: pd.DataFrame,
    strangers: pd.DataFrame,
    found: Sequence[Finding],
) -> None:
    """Keep what a network says of these images and labels, whatever the splits."""
    tables = paths.audit / f"{_DOUBTS}{secrets.token_hex(8)}"
    _save_table(tables / "label_doubts.parquet", doubts)
    _save_table(tables / "strangers.parquet", strangers)
    values = {
        "manifest_hash": manifest.content_hash,
        "weights": weights,
        "tables": tables.name,
        "found": [finding.to_json() for finding in found],
    }
    write_json(paths.audit / "doubts.json", values)
    _clear(paths.audit.glob(f"{_DOUBTS}*"), tables)


def _clear(folders: Iterable[Path], kept: Path) -> None:
    for old in folders:
        if old != kept:
            shutil.rmtree(old, ignore_errors=True)


def _save_table(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False, write_page_checksum=True)


def _load_table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path, page_checksum_verification=True)


def _read(folder: Path) -> Audit:
    values = json.loads((folder / "audit.json").read_bytes())
    if values.pop("version") != VERSION:
        raise ValueError("an audit of another version")
    tables = folder / values.pop("tables")
    found = _findings(values.pop("found"))
    return Audit(
        **values | {"created": datetime.fromisoformat(values["created"])},
        found=found,
        tables={name: _load_table(tables / f"{name}.parquet") for name in TABLES},
    )


def _with_doubts(folder: Path, audit: Audit) -> Audit:
    """With what a network said of the same images and labels, if that can be read."""
    try:
        values = json.loads((folder / "doubts.json").read_bytes())
        if values["manifest_hash"] != audit.manifest_hash:
            return audit
        tables = folder / values["tables"]
        return replace(
            audit,
            label_doubts=_load_table(tables / "label_doubts.parquet"),
            strangers=_load_table(tables / "strangers.parquet"),
            doubts_found=_findings(values["found"]),
            doubts_by=values["weights"],
        )
    except _FAULTS:
        return audit


def _findings(stored: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**{**entry, "severity": Severity(entry["severity"])}) for entry in stored)
