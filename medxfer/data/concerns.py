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
                "pictures are in several parts, such as train and test, so results are too good.",
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


def absences(counts: pd.DataFrame) -> list[str]:
    """Classes without an image in a part; `counts` has classes as rows, parts as columns."""
    warnings = []
    for part in PARTS:
        absent = counts.index[counts[str(part)] == 0].tolist()
        if absent and len(absent) < len(counts):
            subject = f"Class '{absent[0]}' has" if len(absent) == 1 else _several(absent) + " have"
            warnings.append(
                f"{subject} no image in {part.words}; figures that need one are not defined there."
            )
    return warnings


def _tiny(labels: pd.Series[str], patients: pd.Series[str]) -> list[str]:
    images = labels.value_counts(sort=False).sort_index()
    people = patients.groupby(labels).nunique().sort_index()
    rare = people[people < FEW_PATIENTS]
    small = images[(people >= FEW_PATIENTS) & (images < FEW_IMAGES)]
    warnings = []
    if len(rare) == 1:
        count = f"{rare.iloc[0]} patient{'s' if rare.iloc[0] != 1 else ''}"
        warnings.append(
            f"Class '{rare.index[0]}' has {count}; at least {FEW_PATIENTS} are needed to have one "
            "in each part."
        )
    elif len(rare):
        warnings.append(
            f"{_several(rare.index.tolist())} have fewer than {FEW_PATIENTS} patients each; as "
            "many are needed to have one in each part."
        )
    if len(small) == 1:
        warnings.append(
            f"Class '{small.index[0]}' has only {small.iloc[0]} images; figures for it say little."
        )
    elif len(small):
        warnings.append(
            f"{_several(small.index.tolist())} have fewer than {FEW_IMAGES} images each; figures "
            "for them say little."
        )
    return warnings


def _several(names: list[str]) -> str:
    named = ", ".join(repr(name) for name in names[:_NAMED])
    return f"{len(names):,} classes ({named}{', …' if len(names) > _NAMED else ''})"
