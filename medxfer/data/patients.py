"""Which images belong to one patient: what keeps a test honest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import pandas as pd

from medxfer.errors import DataError
from medxfer.registry import Registry

UNKNOWN_WARNING = (
    "Without patient ids results are probably too good. Pictures of one patient may be learned "
    "from and tested on; published studies that split by picture over-estimated accuracy by 30 "
    "to 55 %. Name a patient column or a pattern if you can."
)
ONE_ID_WARNING = (
    "All DICOM files that name a patient name the same one: that is probably a placeholder, and "
    "was not used."
)
NEARLY_ALL = 0.95
"""Share of names a known pattern must fit before it is believed."""
_MAX_PATTERN = 200
_MAX_NAME = 255
_SECONDS = 5
_NOT_FOUND = ""

KNOWN: Registry[re.Pattern[str]] = Registry("file-name pattern")
"""Full matches of a file name without suffix; group 1 is the patient."""
KNOWN.register("chest_xray (person1_…, IM-0117-…, NORMAL2-IM-…)")(
    re.compile(r"(person\d+(?=_(?:bacteria|virus)_\d+)|(?:NORMAL2-)?IM-\d+(?=-\d+)).*")
)
KNOWN.register("NIH ChestX-ray (00000061_012)")(re.compile(r"(\d{8})_\d{3}"))
KNOWN.register("left and right eyes (2120_left)")(re.compile(r"(\d+)_(?:left|right)"))

# Runs apart because a pattern may take for ever, and only a process can be ended.
_SEARCH = """
import json, re, sys
pattern, group, texts = json.load(sys.stdin)
pattern = re.compile(pattern)
found = (pattern.search(text) for text in texts)
json.dump([match and match[group] for match in found], sys.stdout)
"""


@dataclass(frozen=True)
class Patients:
    """One id an image, in order; an image whose patient is not known is its own (its file).

    `known` says whether ids stand for people; `source` says in words where they come from.
    """

    ids: pd.Series[str]
    known: bool
    source: str
    warnings: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return int(self.ids.nunique())


def identify(
    files: pd.Series[str],
    given: pd.Series[str] | None = None,
    column: str | None = None,
    pattern: str | None = None,
    tags: pd.Series[str] | None = None,
) -> Patients:
    """Patients from the person's pattern, a column, DICOM tags or known file names, in this order.

    `files` are paths with /; `given` holds a column's values, `tags` those of the tag PatientID
    ("" where blank).

    Raises:
        DataError: the pattern cannot be used or fits no name.
    """
    if pattern:
        found = apply_pattern(pattern, files)
        if not (found != _NOT_FOUND).any():
            raise DataError(
                f"The pattern {pattern} fits none of {len(files):,} names, such as "
                f"{PurePosixPath(files.iloc[0]).name}.",
                "Change the pattern, or leave it empty.",
            )
        return _known(files, found, f"the pattern {pattern}")
    if given is not None and (given != _NOT_FOUND).any():
        return _known(files, given, f"the column '{column}'")
    if tags is not None and tags[tags != _NOT_FOUND].nunique() > 1:
        return _known(files, tags, "the DICOM tag PatientID")
    found_in_names = _from_known_names(files)
    if tags is None or found_in_names.known or (tags == _NOT_FOUND).all() or len(files) == 1:
        return found_in_names
    warnings = (*found_in_names.warnings, ONE_ID_WARNING)
    return replace(found_in_names, warnings=warnings)


def apply_pattern(pattern: str, files: pd.Series[str]) -> pd.Series[str]:
    """What a person's pattern finds in each name; "" where it finds nothing.

    The pattern is searched for in the file name, or, if it contains a /, in the whole path.

    Raises:
        DataError: it is no regular expression, lacks its one group, or takes too long.
    """
    group = _group(pattern)
    paths = files.astype(object)
    texts = paths if "/" in pattern else paths.str.rsplit("/", n=1).str[-1]
    asked = json.dumps([pattern, group, texts.str[-_MAX_NAME:].tolist()])
    try:
        answer = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=asked, capture_output=True, text=True, timeout=_SECONDS, check=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"The pattern {pattern} takes too long on these names and was stopped.",
            "Avoid a repeat inside a repeat, such as (a+)+.",
        ) from error
    found = [_NOT_FOUND if text is None else text for text in json.loads(answer.stdout)]
    return pd.Series(found, index=files.index, dtype="str")


def _group(pattern: str) -> int:
    """The number of the group that is the patient."""
    if len(pattern) > _MAX_PATTERN:
        raise DataError(
            f"The pattern has {len(pattern)} characters.", f"Use {_MAX_PATTERN} at most."
        )
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise DataError(
            f"The pattern {pattern} is not a regular expression: {error}.",
            "For names such as p12_scan3.png, (p\\d+)_ finds p12.",
        ) from error
    named = compiled.groupindex.get("patient")
    if named is None and compiled.groups != 1:
        raise DataError(
            f"The pattern {pattern} has {compiled.groups} groups in brackets; one is needed.",
            "Put brackets around the part that is the patient, or name it (?P<patient>…).",
        )
    return named or 1


def _known(files: pd.Series[str], found: pd.Series[str], source: str) -> Patients:
    blank = found == _NOT_FOUND
    warnings: tuple[str, ...] = ()
    if blank.any():
        warnings = (
            f"{int(blank.sum()):,} of {len(files):,} images have no patient by {source}; "
            "each counts as a patient of its own.",
        )
    return Patients(found.where(~blank, files), True, source, warnings)


def _from_known_names(files: pd.Series[str]) -> Patients:
    stems = files.str.rsplit("/", n=1).str[-1].str.replace(r"\.\w+$", "", regex=True)
    found = pd.Series(_NOT_FOUND, index=files.index, dtype="str")
    used = []
    for name in KNOWN:
        fits = stems.str.fullmatch(KNOWN[name].pattern) & (found == _NOT_FOUND)
        if fits.any():
            used.append(name)
            found[fits] = stems[fits].str.extract(KNOWN[name].pattern, expand=False)
    share = float((found != _NOT_FOUND).mean())
    if share >= NEARLY_ALL:
        return _known(files, found, f"file names of the kind {' and '.join(used)}")
    source = "nothing: each image counts as a patient of its own"
    partly = (
        f"{int((found != _NOT_FOUND).sum()):,} of {len(files):,} names fit the kind "
        f"{' or '.join(used)}: too few to know the patients by."
    )
    return Patients(files, False, source, (UNKNOWN_WARNING, *([partly] if used else [])))
