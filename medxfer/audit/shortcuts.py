"""Shortcuts: how well the class can be told from things that are not anatomy.

A network learns whatever tells the classes apart. If the size of a picture does, a figure measured
on pictures of the same origin says nothing about the disease (DeGrave et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from medxfer.audit.contrast import contrast
from medxfer.audit.finding import Finding
from medxfer.audit.groups import Group, Kind, appearance_groups, file_groups
from medxfer.audit.separation import Trial, plan_trial, separation, why_not
from medxfer.audit.source_columns import source_groups
from medxfer.data.manifest import PARTS, Manifest
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.severity import Severity

BOUND = 0.6
"""Flagged from here on, by the lower end of the interval: beyond chance, and enough to matter."""
SERIOUS_FROM = 0.7
"""An AUROC below this is worth knowing; from here on a network gains from it."""
BLOCKING_FROM = 0.8
"""Lower end from which what has seen no anatomy does about as well as a useful classifier."""

_WORST = {
    Kind.FILE: Severity.BLOCKING,
    Kind.BYTES: Severity.SERIOUS,
    Kind.APPEARANCE: Severity.SERIOUS,
    Kind.ACQUISITION: Severity.BLOCKING,
    Kind.PERSON: Severity.NOTE,
    Kind.COLUMN: Severity.SERIOUS,
}
"""What may follow from disease, or is of unknown meaning, blocks nothing by itself."""
_REMEDIES = {
    Kind.FILE: "Find out why the classes were stored differently. Take pictures of all classes "
    "from one source and export them in one way, or test on a set where this does not differ.",
    Kind.BYTES: "Ask whether one class was compressed or exported differently, and save all "
    "pictures in one way. Where they were all saved alike, this only says that pictures of one "
    "class hold more detail, which disease, tubes or noise can do.",
    Kind.APPEARANCE: "Look at pictures of each class side by side. If it is the disease (a white "
    "lung is brighter), nothing is wrong; if it is a frame, a tag or another export, crop or cover "
    "it in every picture, and check that heatmaps stay on the body.",
    Kind.ACQUISITION: "Balance it between the classes, or keep one value only, and look at the "
    "results for each value; test where it does not differ.",
    Kind.PERSON: "Look at the results in each of its groups, and match the classes by it where you "
    "can.",
    Kind.COLUMN: "If it says where or how the picture was taken, the classes were collected apart: "
    "balance it. If it was written down from the diagnosis, nothing is wrong.",
}

Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Shortcut:
    """How well one group of features tells the classes apart, and what to do about it."""

    key: str
    name: str
    kind: Kind
    auroc: Estimate
    severity: Severity | None
    """None: not flagged."""
    example: str
    """What differs between which classes; "" if nothing can be said."""
    reason: str
    """Why there is no figure; "" if there is one."""

    @property
    def flagged(self) -> bool:
        return self.severity is not None

    @property
    def remedy(self) -> str:
        """What to do; "" where nothing is flagged."""
        return _REMEDIES[self.kind] if self.flagged else ""

    def finding(self) -> Finding | None:
        """The sentence of the audit; None if it is not flagged."""
        low, value, high = self.auroc.low, self.auroc.value, self.auroc.high
        if self.severity is None or value is None:
            return None
        problem = (
            f"The class can be told from the {self.name.removeprefix('the ')} alone, without "
            f"anatomy (AUROC {value:.2f}, 95 % interval {low:.2f} to {high:.2f})"
        )
        problem += f": {self.example}." if self.example else "."
        return Finding("shortcuts", self.severity, problem, self.remedy)


@dataclass(frozen=True)
class Shortcuts:
    """Every group that was tried, the most telling first, and the columns that were not."""

    rows: tuple[Shortcut, ...]
    left_out: dict[str, str]
    """Columns of the source that cannot be a shortcut, and why."""
    reason: str
    """Why nothing could be tried; "" if it could."""
    note: str
    """On how many images the figures rest, if not on all."""

    def findings(self) -> list[Finding]:
        return [found for row in self.rows if (found := row.finding()) is not None]

    def table(self) -> pd.DataFrame:
        """One row a group: key, name, kind, auroc, low, high, flagged, severity, example, …"""
        values = [
            {
                "key": row.key,
                "name": row.name,
                "kind": str(row.kind),
                "auroc": row.auroc.value,
                "low": row.auroc.low,
                "high": row.auroc.high,
                "flagged": row.flagged,
                "severity": str(row.severity or ""),
                "example": row.example,
                "remedy": row.remedy,
                "reason": row.reason,
            }
            for row in self.rows
        ]
        return pd.DataFrame(values).astype({"auroc": float, "low": float, "high": float})


def shortcuts(
    manifest: Manifest, features: pd.DataFrame | None = None, tick: Tick | None = None
) -> Shortcuts:
    """Try every group of features that are not anatomy on the class; excluded images are not used.

    Args:
        manifest: its size, format and source columns are tried.
        features: numbers of each picture that are not of a place in the body, one row for each
            row of the manifest, in order; None: only what the manifest says.
        tick: called with (groups tried, groups).
    """
    rows = manifest.rows(*PARTS)
    used = manifest.part(*PARTS)
    given, left_out = source_groups(used)
    groups = [*file_groups(used), *given]
    if features is not None:
        groups += appearance_groups(features.iloc[rows].reset_index(drop=True))
    labels, patients = used.table["label"], used.table["patient"]
    reason = why_not(labels, patients)
    trial = None if reason else plan_trial(labels, patients)
    found = []
    for number, group in enumerate(groups):
        if tick:
            tick(number, len(groups))
        if trial is None or group.constant:
            why = "It is the same for every image." if group.constant else reason
            found.append(_row(group, Estimate(None), labels, why))
        else:
            found.append(_row(group, separation(trial, group.numbers), labels))
    if tick:
        tick(len(groups), len(groups))
    found.sort(key=lambda row: -1.0 if row.auroc.value is None else row.auroc.value, reverse=True)
    return Shortcuts(tuple(found), left_out, reason, _note(trial, labels))


def _note(trial: Trial | None, labels: pd.Series[str]) -> str:
    if trial is None or len(trial.rows) == len(labels):
        return ""
    classes, tried = labels.nunique(), int(trial.targets.max()) + 1
    of_classes = f" and {tried} of {classes} classes" if tried < classes else ""
    return f"Tried on {len(trial.rows):,} of {len(labels):,} images{of_classes}, which is enough."


def _row(group: Group, auroc: Estimate, labels: pd.Series[str], reason: str = "") -> Shortcut:
    severity = _severity(group.kind, auroc)
    example = "" if group.constant else contrast(group, labels)
    return Shortcut(group.key, group.name, group.kind, auroc, severity, example, reason)


def _severity(kind: Kind, auroc: Estimate) -> Severity | None:
    if auroc.value is None or auroc.low is None or auroc.low < BOUND:
        return None
    if auroc.value < SERIOUS_FROM or (kind is Kind.BYTES and auroc.low < BLOCKING_FROM):
        return Severity.NOTE
    reached = Severity.BLOCKING if auroc.low >= BLOCKING_FROM else Severity.SERIOUS
    return max(reached, _WORST[kind], key=lambda severity: severity.rank)
