"""What is worth a warning about a set of images before anything is learned from it."""

from __future__ import annotations

from datetime import date

import pandas as pd

from medxfer.data.manifest import PARTS

FEW_IMAGES = 20
FEW_PATIENTS = 3
"""Fewer patients than parts: the class cannot be in each of them."""
_NAMED = 3
BURNT_IN = "may show names or dates in the picture itself (burnt in)"
"""In the warning that stands until a person has looked."""
_MOSTLY = 0.5
"""Share of the folders from which on they are taken to be folders of one patient each."""


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


def dicom_concerns(table: pd.DataFrame) -> tuple[str, ...]:
    """What the headers of DICOM files give cause for.

    `table` has a row a file, named by it, with the columns patient ("" where unknown), instance,
    pixels, frames, "may show names" and preamble.
    """
    if table.empty:
        return ()
    twice = table[(table["instance"] != "") & table["instance"].duplicated(keep=False)]
    torn = twice.groupby("instance")["pixels"].transform("nunique") > 1
    mixed = _mixed_folders(table["patient"])
    return (
        *_listed(
            table.index[table["may show names"].astype(bool)],
            f"{BURNT_IN}. Look at them before a picture or heatmap leaves this computer",
        ),
        *_listed(
            table.index[table["frames"] > 1],
            "hold several pictures each; the middle one of each is used. Check that their labels "
            "are true of it",
        ),
        *_listed(
            twice.index[torn],
            "share their identity (SOPInstanceUID) with another file that shows another picture",
        ),
        *_listed(
            mixed,
            "lie in folders with more than one patient, though most folders here hold one each; "
            "an id may be wrong",
        ),
        *_listed(
            table.index[table["preamble"] != ""],
            "begin like another kind of file before their DICOM header; they are only read",
        ),
    )


def looked_at(warnings: tuple[str, ...], images: int, day: date) -> tuple[str, ...]:
    """The warnings after a person has looked at pictures that may show names: never silent."""
    said = (
        f"{images:,} DICOM files {BURNT_IN}. A person confirmed on {day} to have looked at "
        "all of them."
    )
    return tuple(said if BURNT_IN in text else text for text in warnings)


def _mixed_folders(patients: pd.Series[str]) -> pd.Index[str]:
    """Files of folders with more than one patient, where most folders hold one patient each.

    Folders of classes hold many patients; those directly below the root are not looked at.
    """
    folders = patients.index.to_series().str.rpartition("/")[0]
    known = (patients != "") & folders.str.contains("/")
    people = patients[known].groupby(folders[known]).nunique()
    if people.empty or (people == 1).mean() < _MOSTLY:
        return patients.index[:0]
    return patients.index[folders.isin(people.index[people > 1])]


def _listed(files: pd.Index[str], words: str) -> tuple[str, ...]:
    if not len(files):
        return ()
    named = ", ".join(files[:_NAMED]) + (", …" if len(files) > _NAMED else "")
    return (f"{len(files):,} DICOM files {words}: {named}.",)


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
