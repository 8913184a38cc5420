"""Patients on more than one side, and parts too small to learn from or to test on."""

from __future__ import annotations

import pandas as pd

from medxfer.audit.finding import Finding
from medxfer.data.concerns import absences, class_concerns
from medxfer.data.manifest import PARTS, Manifest, Split
from medxfer.data.patients import UNKNOWN_WARNING
from medxfer.evaluation.proportion import wilson
from medxfer.evaluation.severity import Severity

SENSITIVITY = 0.9
"""What the intervals are shown for: about what a useful classifier reaches."""
WIDE = 0.3
"""An interval wider than this, as with 16 patients or fewer, does not tell good from poor."""
WIDISH = 0.15
"""Wider than this, as with 63 patients or fewer, is worth knowing."""
TOLERATED = 0.01
"""Share of the test (or validation) images above which something shared with another part
makes figures untrue; below it they are only a little too good."""
_JUDGED = (Split.VALIDATION, Split.TEST)


def patients_across_splits(manifest: Manifest) -> pd.DataFrame:
    """Patients with images in more than one part: columns patient, train, val, test (images)."""
    table = manifest.part(*PARTS).table
    names = [str(part) for part in PARTS]
    counts = pd.crosstab(table["patient"], table["split"])
    counts = counts.reindex(columns=names, fill_value=0).rename_axis(columns=None)
    shared = counts[(counts > 0).sum(axis=1) > 1]
    return shared.rename_axis("patient").reset_index()


def class_sizes(manifest: Manifest) -> pd.DataFrame:
    """Images and patients of each class in each part, and what so many patients would tell.

    Columns: label, split, images, patients, low, high (the 95 % interval that a sensitivity of
    0.90 would have; NaN without patients). Patients count, since images of one are no
    independent cases.
    """
    table = manifest.part(*PARTS).table
    grouped = table.groupby(["label", "split"])["patient"].agg(images="size", patients="nunique")
    wanted = pd.MultiIndex.from_product(
        [manifest.classes, [str(part) for part in PARTS]], names=["label", "split"]
    )
    sizes = grouped.reindex(wanted, fill_value=0).reset_index()
    intervals = [wilson(SENSITIVITY * n, n) for n in sizes["patients"]]
    sizes["low"] = pd.Series([interval.low for interval in intervals], dtype=float)
    sizes["high"] = pd.Series([interval.high for interval in intervals], dtype=float)
    return sizes


def patient_findings(manifest: Manifest, *, known: bool) -> list[Finding]:
    """Whether a patient could be learned from and tested on; `known`: ids stand for people."""
    if not known:
        problem, _, remedy = UNKNOWN_WARNING.rpartition(". ")
        return [Finding("patients", Severity.SERIOUS, f"{problem}.", remedy)]
    shared = patients_across_splits(manifest)
    if shared.empty:
        return []
    in_both = manifest.table["patient"].isin(shared["patient"])
    # Without their names: findings stand in reports. `patients_across_splits` has them.
    who = "1 patient is" if len(shared) == 1 else f"{len(shared):,} patients are"
    problem = (
        f"{who} in more than one part, with {int(shared['train'].sum()):,} training, "
        f"{int(shared['val'].sum()):,} validation and {int(shared['test'].sum()):,} test images: "
        "the network is tested on people it has learned from."
    )
    remedy = "Draw the splits anew by patient, or set the overlap aside."
    return [Finding("patients", how_bad(manifest, in_both), problem, remedy)]


def how_bad(manifest: Manifest, shared: pd.Series[bool]) -> Severity:
    """How bad it is that these rows share something with rows of another part.

    Blocking if more than 1 % of the test, or of the validation images, are among them.
    """
    splits = manifest.table["split"]
    shares = [float(shared[splits == str(part)].mean()) for part in _JUDGED]
    return Severity.BLOCKING if any(share > TOLERATED for share in shares) else Severity.SERIOUS


def size_findings(manifest: Manifest, *, known: bool) -> list[Finding]:
    """Classes that look alike, are absent or too small to learn, and tests that tell little.

    `known`: ids stand for people; else each image is spoken of as an image.
    """
    table = manifest.part(*PARTS).table
    remedy = "Add images of these classes, join classes, or leave them out."
    told = [*class_concerns(table["label"], table["patient"]), *absences(manifest.counts())]
    findings = [Finding("sizes", Severity.SERIOUS, text, remedy) for text in told]
    return findings + _vague(class_sizes(manifest), "patient" if known else "image")


def _vague(sizes: pd.DataFrame, unit: str) -> list[Finding]:
    """For each part that judges, its smallest class and how little that would tell."""
    findings = []
    for part in _JUDGED:
        here = sizes[(sizes["split"] == str(part)) & (sizes["patients"] > 0)]
        wide = here[here["high"] - here["low"] > WIDISH]
        if wide.empty:
            continue
        least = wide.iloc[int(wide["patients"].argmin())]
        width = least["high"] - least["low"]
        others = len(wide) - 1
        more = f" {others:,} more class{'es are' if others > 1 else ' is'} small." if others else ""
        n = int(least["patients"])
        problem = (
            f"With {n:,} {unit}{'s' if n != 1 else ''} of class {least['label']} in {part.words}, "
            f"a sensitivity of {SENSITIVITY:.2f} would be known only within {least['low']:.2f} to "
            f"{least['high']:.2f}.{more}"
        )
        severity = Severity.SERIOUS if width > WIDE and part is Split.TEST else Severity.NOTE
        remedy = f"Add {unit}s, give {part.words} a larger share, or read figures with intervals."
        findings.append(Finding("sizes", severity, problem, remedy))
    return findings
