"""Which column of a table plays which part."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from medxfer.errors import TableError

_USUAL: dict[str, tuple[str, ...]] = {
    "file": (
        "file", "filename", "filepath", "path", "image", "imagefile", "imagepath", "imagename",
        "imagefilename", "imageindex", "imageid", "img", "imgname", "imgpath", "picture",
    ),
    "label": (
        "label", "labels", "class", "classname", "diagnosis", "dx", "target", "category",
        "findinglabels", "finding", "level", "y",
    ),
    "patient": (
        "patient", "patientid", "patientkey", "patientname", "subject", "subjectid", "case",
        "caseid", "person", "personid", "lesionid", "lesion", "studyid", "group", "groupkey",
    ),
    "split": ("split", "set", "subset", "partition", "part", "dataset", "fold"),
}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """Names of the columns in use; None where the table has none."""

    file: str
    label: str
    patient: str | None
    split: str | None

    @property
    def used(self) -> tuple[str, ...]:
        return tuple(name for name in (self.file, self.label, self.patient, self.split) if name)


def find_column(part: str, wanted: str | None, header: tuple[str, ...], name: str) -> str | None:
    """The column asked for, or the first with a usual name; None if there is none.

    Raises:
        TableError: the column asked for is not in the table.
    """
    if wanted is not None:
        if wanted in header:
            return wanted
        near = get_close_matches(wanted, header, n=1)
        raise TableError(
            f"{name} has no column '{wanted}'.",
            (f"Did you mean '{near[0]}'? " if near else "") + f"It has: {', '.join(header)}.",
        )
    bare = {_bare(column): column for column in header}
    return next((bare[usual] for usual in _USUAL[part] if usual in bare), None)


def is_usual(part: str, column: str) -> bool:
    """Whether a column has one of the usual names of file, label, patient or split."""
    return _bare(column) in _USUAL[part]


def find_columns(header: tuple[str, ...], wanted: dict[str, str | None], name: str) -> Columns:
    """The four columns; `wanted` names those the person chose.

    Raises:
        TableError: there is no file or no label column.
    """
    found = {part: find_column(part, wanted.get(part), header, name) for part in _USUAL}
    if found["file"] is None or found["label"] is None:
        missing = " and no ".join(part for part in ("file", "label") if found[part] is None)
        raise TableError(
            f"{name} has no {missing} column that could be recognised.",
            f"Say which columns they are. It has: {', '.join(header)}.",
        )
    return Columns(found["file"], found["label"], found["patient"], found["split"])


def _bare(column: str) -> str:
    return "".join(c for c in column.casefold() if c.isalnum())
