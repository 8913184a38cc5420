"""What an audit found on one state of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from medxfer.audit.finding import Finding
from medxfer.audit.verdict import Verdict, judge
from medxfer.data.manifest import Manifest
from medxfer.evaluation.estimate import plain_rows

TABLES = (
    "duplicates", "near_duplicates", "patients_across_splits", "too_few", "shortcuts", "quality",
)  # fmt: skip
"""The tables every audit has; `label_doubts` is made apart."""
_BY_NETWORK = "wrong labels and pictures that do not belong"


@dataclass(frozen=True, eq=False)
class Audit:
    """The result of all checks on one state of a data set.

    `manifest_hash` and `split_hash` are those of that state; `seconds` is what it took; `images`
    counts those that were looked at, which excluded ones are not. `checked` names the checks in
    words, `not_checked` those that could not be made, with the reason. `left_out` says why a source
    column is no shortcut, `note` on how many images the shortcuts were tried.
    """

    dataset: str
    manifest_hash: str
    split_hash: str
    created: datetime
    seconds: float
    images: int
    found: tuple[Finding, ...]
    checked: tuple[str, ...]
    not_checked: Mapping[str, str]
    left_out: Mapping[str, str]
    note: str
    tables: Mapping[str, pd.DataFrame]
    """By the names of `TABLES`."""
    label_doubts: pd.DataFrame | None = None
    """Columns image, file, label, suggested, doubt (0 to 1), rank; None until a network was
    asked, empty if it could say nothing."""
    strangers: pd.DataFrame | None = None
    """Columns image, file, distance, bound, stranger, rank: pictures unlike all others."""
    doubts_found: tuple[Finding, ...] = ()
    doubts_by: str = ""
    """The weights that were asked for: of the network behind both."""

    @cached_property
    def verdict(self) -> Verdict:
        """What all findings, also those on labels, amount to; `findings` are in it."""
        if self.label_doubts is None:
            how = f"Needs a network: medxfer data audit '{self.dataset}' --doubts best."
            return judge(self.found, self.checked, {**self.not_checked, _BY_NETWORK: how})
        found = (*self.found, *self.doubts_found)
        return judge(found, (*self.checked, _BY_NETWORK), self.not_checked)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, worst first."""
        return self.verdict.findings

    def is_of(self, manifest_hash: str, split_hash: str) -> bool:
        """Whether it looked at the state of the data set that has these hashes."""
        return (self.manifest_hash, self.split_hash) == (manifest_hash, split_hash)

    def to_json(self) -> dict[str, Any]:
        """Plain values under the keys of `medxfer data audit --json`; NaN is None."""
        return {
            "name": self.dataset,
            "created": self.created.isoformat(),
            "seconds": round(self.seconds, 1),
            "images": self.images,
            "verdict": self.verdict.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
            **{name: plain_rows(self.tables[name]) for name in TABLES},
            "shortcuts": [_with_interval(row) for row in plain_rows(self.tables["shortcuts"])],
            "columns_left_out": dict(self.left_out),
            "shortcuts_note": self.note,
            "label_doubts": None if self.label_doubts is None else plain_rows(self.label_doubts),
            "strangers": None if self.strangers is None else plain_rows(self.strangers),
            "asked_network": self.doubts_by or None,
        }


def is_current(audit: Audit, manifest: Manifest) -> bool:
    """Whether images, labels, patients and splits are still those that were audited."""
    return audit.is_of(manifest.content_hash, manifest.split_hash)


def _with_interval(row: dict[str, Any]) -> dict[str, Any]:
    """A shortcut with its AUROC as an `Estimate` is written."""
    auroc = {"value": row["auroc"], "low": row["low"], "high": row["high"]}
    rest = {key: value for key, value in row.items() if key not in ("low", "high")}
    return rest | {"auroc": auroc}
