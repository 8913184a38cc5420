"""What pairs of copies mean for the figures, in sentences."""

from __future__ import annotations

import pandas as pd

from medxfer.audit.finding import Finding
from medxfer.audit.patients import how_bad
from medxfer.data.manifest import Manifest
from medxfer.evaluation.severity import Severity

PAIR_COLUMNS = (
    "first", "second", "kind", "changes", "score",
    "across_splits", "different_labels", "different_patients",
)  # fmt: skip
"""`first` and `second` are image ids; `changes` are words; the last three are yes or no."""
_SIGNS = PAIR_COLUMNS[-3:]


def pair_findings(check: str, words: str, manifest: Manifest, pairs: pd.DataFrame) -> list[Finding]:
    """Copies across parts, under different classes, of different patients, and the rest.

    Args:
        check: the name of the check.
        words: what a pair is, such as "exact copies of each other"; "pairs are" stands before it.
        manifest: with the split of each image.
        pairs: with the columns of `PAIR_COLUMNS`.
    """
    across, torn, foreign = (pairs[pairs[sign].astype(bool)] for sign in _SIGNS)
    findings = []
    if not across.empty:
        problem = (
            f"{_counted(across)} {words} and lie in different parts, such as train and test: the "
            "network is tested on pictures it has learned."
        )
        remedy = "Put both on one side, or drop one of each pair."
        severity = how_bad(manifest, _rows(manifest, across))
        findings.append(Finding(check, severity, problem, remedy))
    if not torn.empty:
        problem = (
            f"{_counted(torn)} {words} but have different classes: one label of each is wrong."
        )
        remedy = "Look at them side by side and correct the label, or drop both."
        findings.append(Finding(check, Severity.SERIOUS, problem, remedy))
    if not foreign.empty:
        problem = f"{_counted(foreign)} {words} under two patients: the patient ids may be wrong."
        remedy = "Check the ids; until then keep such patients on one side."
        findings.append(Finding(check, Severity.NOTE, problem, remedy))
    within = pairs[~pairs[list(_SIGNS)].astype(bool).any(axis=1)]
    if not within.empty:
        problem = f"{_counted(within)} {words} within one part: they count twice."
        findings.append(Finding(check, Severity.NOTE, problem, "Drop one of each pair."))
    return findings


def _rows(manifest: Manifest, pairs: pd.DataFrame) -> pd.Series[bool]:
    return manifest.table["image"].isin([*pairs["first"], *pairs["second"]])


def _counted(pairs: pd.DataFrame) -> str:
    return "1 pair of pictures are" if len(pairs) == 1 else f"{len(pairs):,} pairs of pictures are"
