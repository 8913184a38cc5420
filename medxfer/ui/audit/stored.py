"""The stored audit of a data set as the pages need it: read once, judged current or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from medxfer.audit.job import AuditJob
from medxfer.audit.keeping import load_audit
from medxfer.audit.record import Audit
from medxfer.data.library import DatasetInfo
from medxfer.job import ACTIVE, State
from medxfer.paths import Workspace

_FILES = ("audit.json", "doubts.json")


@dataclass(frozen=True)
class Standing:
    """How the audit of a data set stands.

    `audit` is the latest one, None if there is none; `current` whether images, labels, patients
    and parts are still those it looked at; `state` that of the latest job.
    """

    audit: Audit | None
    current: bool
    job: AuditJob
    state: State

    @property
    def active(self) -> bool:
        return self.state in ACTIVE


def standing(place: Workspace, info: DatasetInfo) -> Standing:
    """What is stored and what is under way; opens no manifest and imports no torch."""
    job = AuditJob(place, info.name)
    state = job.state()  # asked first: an audit that ends in between is then read below
    audit = audit_of(place, info.name)
    current = audit is not None and audit.is_of(info.manifest_hash, info.split_hash)
    return Standing(audit, current, job, state)


def audit_of(place: Workspace, name: str) -> Audit | None:
    """The latest audit, read anew only when its files changed."""
    folder = place.dataset(name).audit
    stamps = tuple(_changed(folder / file) for file in _FILES)
    return _audit(place, name, str(folder), stamps) if any(stamps) else None


# A resource, not data: tables of 100,000 rows would be copied at every click. Nobody writes to it.
@st.cache_resource(max_entries=4, show_spinner=False)
def _audit(_place: Workspace, name: str, folder: str, stamps: tuple[int, ...]) -> Audit | None:
    return load_audit(_place, name)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
