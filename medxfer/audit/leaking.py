"""Whether a split is known to leak: patients or copies on both sides of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from medxfer.audit.keeping import load_audit
from medxfer.audit.patients import patients_across_splits
from medxfer.audit.record import Audit, is_current
from medxfer.audit.settling import kept_together, without_kept
from medxfer.data.corrections import Correction
from medxfer.data.library import dataset_info, load_corrections
from medxfer.data.manifest import Manifest
from medxfer.errors import DataError
from medxfer.paths import Workspace


@dataclass(frozen=True)
class Known:
    """What is known of one state of a data set; None is not known."""

    patients_known: bool | None = None
    """Whether patient ids stand for people."""
    patients_shared: bool | None = None
    copies_shared: bool | None = None
    audit: str | None = None
    """The verdict in a word; "" if no audit looked at this state."""

    @property
    def leaks(self) -> bool | None:
        """Whether pictures or patients are known to be on both sides of the split."""
        if self.patients_shared or self.copies_shared:
            return True
        told_apart = self.patients_known is False or self.patients_shared is not None
        return False if told_apart else None


def known_now(workspace: Workspace, name: str, manifest: Manifest) -> Known:
    """What is known of a data set whose manifest this is.

    Raises:
        DataError: the data set is gone or damaged.
    """
    audit = load_audit(workspace, name)
    current = audit is not None and is_current(audit, manifest)
    return known_by(workspace, name, manifest, audit if current else None)


def known_by(
    workspace: Workspace, name: str, manifest: Manifest | None, audit: Audit | None
) -> Known:
    """What manifest and audit tell; give those of the state that is asked about, or None.

    Raises:
        DataError: the data set is gone or damaged.
    """
    patients = dataset_info(workspace, name).patients_known
    shared = None
    if patients and manifest is not None:
        shared = not patients_across_splits(manifest).empty
    elif patients and audit is not None:
        shared = not audit.tables["patients_across_splits"].empty
    made: Sequence[Correction] = ()
    with suppress(DataError):  # damaged: then nothing was kept, as far as anyone can tell
        made = load_corrections(workspace, name)
    return Known(
        patients_known=patients,
        patients_shared=shared,
        copies_shared=None if audit is None else _copies_shared(audit, made),
        audit="" if audit is None else str(audit.verdict.trust),
    )


def _copies_shared(audit: Audit, corrections: Sequence[Correction]) -> bool:
    """Whether copies are in several parts; near ones that a person kept are none."""
    near = without_kept(audit.tables["near_duplicates"], kept_together(corrections))
    tables = [table for table in (audit.tables["duplicates"], near) if "across_splits" in table]
    return any(bool(table["across_splits"].any()) for table in tables)
