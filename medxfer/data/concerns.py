"""What is worth a warning about a set of images before anything is learned from it."""

from __future__ import annotations

import pandas as pd

from medxfer.data.manifest import PARTS

FEW_IMAGES = 20
FEW_PATIENTS = 3
"""Fewer patients than parts: the class cannot be in each of them."""
_NAMED = 3


def class_concerns(labels: pd.Series[str], patients: pd.Series[str]) -> tuple[str, ...]:
    """Classes that look alike, and classes with too few images or patients."""
    return (*_look_alikes(labels), *_tiny(labels, patients))


def copies(table: pd.DataFrame) -> tuple[str, ...]:
    """Files with the same bytes (column sha256): under two labels, or in two parts."""
    twice = table[table["sha256"].duplicated(keep=False)]
    if twice.empty:
        return ()
    groups = twice.groupby("sha256")
    labels, splits = groups["label"].nunique(), groups["split"].nunique()
    extra = len(twice) - groups.ngroups
    return tuple(
        f"{count:,} {words} Example: {', '.join(files[:_NAMED])}."
        for count, words, files in (
            (extra, "files are exact copies of others.", _files(twice, labels.index[:1])),
            (
                int((labels > 1).sum()),
                "pictures are there under different labels.",
                _files(twice, labels.index[labels > 1][:1]),
            ),
            (
                int((splits > 1).sum()),
                f"pictures are in more than one of {', '.join(PARTS)}, so results are too good.",
                _files(twice, splits.index[splits > 1][:1]),
            ),
        )
        if count
    )


def _files(table: pd.DataFrame, hashes: pd.Index[str]) -> list[str]:
    return list(table["file"][table["sha256"].isin(hashes)])


def _look_alikes(labels: pd.Series[str]) -> list[str]:
    names = pd.Series(labels.unique(), dtype="str")
    plain = names.map(lambda name: " ".join(name.casefold().split()))
    alike = names.groupby(plain).apply(lambda group: sorted(group) if len(group) > 1 else None)
    return [
        f"{len(group)} classes look alike: {', '.join(repr(name) for name in group)}. "
        "Give them one spelling if they are one class."
        for group in alike.dropna()
    ]


def _tiny(labels: pd.Series[str], patients: pd.Series[str]) -> list[str]:
    images = labels.value_counts(sort=False).sort_index()
    people = patients.groupby(labels).nunique().sort_index()
    warnings = []
    for name, count, patient_count in zip(images.index, images, people, strict=True):
        if patient_count < FEW_PATIENTS:
            warnings.append(
                f"Class '{name}' has {patient_count} patients; at least {FEW_PATIENTS} are needed "
                "to have one in each part."
            )
        elif count < FEW_IMAGES:
            warnings.append(f"Class '{name}' has only {count} images; figures for it say little.")
    return warnings
