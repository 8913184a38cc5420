"""Which further columns of a manifest could be a shortcut, and what each is likely to mean."""

from __future__ import annotations

import re

import pandas as pd

from medxfer.audit.groups import Group, Kind, number_group, text_group
from medxfer.data.columns import is_usual
from medxfer.data.manifest import COLUMNS, OWN, Manifest
from medxfer.data.marks import MARK_COLUMNS

_NUMBERS_SHARE = 0.95
_ID_SHARE = 0.5
"""Text with more different values than this share of the images is an id, or a remark."""
_PATIENT_SHARE = 0.9
_COUNTED_SHARE = 0.9
"""Whole numbers that are nearly all different count the rows."""
_ACQUISITION = re.compile(
    r"scanner|machine|device|manufacturer|vendor|model|detector|site|hospital|cent(er|re)|clinic"
    r"|institut|source|repo|origin|dataset|cohort|view|projection|position|protocol|sequence"
    r"|field.?strength|kvp?\b|mas\b|exposure|kernel|slice|spacing|resolution|modality|year|date"
    r"|orig|width|height|bits|photometric|software|operator|ward|portable|later(al)?ity|stain"
)
_PERSON = re.compile(
    r"\b(age|sex|gender|race|ethnic\w*|bmi|weight|skin.?(tone|type)|fitzpatrick"
    r"|locali[sz]ation|body.?(part|region)|anatom\w*|smok\w*)\b"
)
_ANNOTATION = re.compile(
    r"\b(label|class|target|dx|findings?|outcome|grade|stage|severity|subtype|reader|birads"
    r"|has.?(box|mask)|box(es)?|bbox|masks?)\b|diagnos|annotat|segment|patholog|histo|biops"
    r"|malignan|lesion|report|confirm"
)
_SIZE = re.compile(r"\b(width|height|rows|cols|columns)\b")


def source_groups(manifest: Manifest) -> tuple[list[Group], dict[str, str]]:
    """One group a usable column, widths and heights as one; and why the others are left out."""
    table = manifest.table
    groups, left_out = [], {}
    sizes: dict[str, pd.Series[float]] = {}
    for column in (name for name in table.columns if name not in (*COLUMNS, *OWN)):
        values = table[column].str.strip()
        numbers = _numbers(values)
        reason = _useless(column, values, numbers, table)
        if reason:
            left_out[column] = reason
        elif numbers is not None and _SIZE.search(_words(column)):
            sizes[column] = numbers
        else:
            groups.append(_group(column, values, numbers))
    if sizes:
        name = f"size as the source gives it ({', '.join(sizes)})"
        groups.insert(0, number_group("source_size", name, Kind.FILE, sizes))
    return groups, left_out


def _group(column: str, values: pd.Series[str], numbers: pd.Series[float] | None) -> Group:
    key, name, kind = f"column:{column}", f"the column '{column}'", _kind(column)
    if numbers is not None:
        return number_group(key, name, kind, {column: numbers})
    return text_group(key, name, kind, values)


def _kind(column: str) -> Kind:
    words = _words(column)
    if _PERSON.search(words):
        return Kind.PERSON
    return Kind.ACQUISITION if _ACQUISITION.search(words) else Kind.COLUMN


def _useless(
    column: str, values: pd.Series[str], numbers: pd.Series[float] | None, table: pd.DataFrame
) -> str:
    """Why a column cannot be a shortcut, in words; "" if it can."""
    different = values.nunique()
    if different <= 1:
        return "the same for every image"
    if column in MARK_COLUMNS:
        return "where the finding is marked"
    if _says_label(column, values, table["label"]):
        return "the class itself"
    if _is_copy(column, values, table):
        return "the same as what medxfer read from the file"
    if numbers is None or bool((numbers.dropna() % 1 == 0).all()):
        share = _ID_SHARE if numbers is None else _COUNTED_SHARE
        if different > share * len(values):
            return "nearly all different: an id, a path or a remark"
        if is_usual("patient", column) and different >= _PATIENT_SHARE * table["patient"].nunique():
            return "the patient"
    if _ANNOTATION.search(_words(column)) and not _ACQUISITION.search(_words(column)):
        return "by its name written down with the diagnosis"
    return ""


def _says_label(column: str, values: pd.Series[str], labels: pd.Series[str]) -> bool:
    if (values.str.casefold() == labels.str.casefold()).all():
        return True
    one_to_one = values.nunique() == labels.nunique() == (values + "\x1f" + labels).nunique()
    return one_to_one and is_usual("label", column)


def _is_copy(column: str, values: pd.Series[str], table: pd.DataFrame) -> bool:
    name = column.removeprefix("given ")
    return name in COLUMNS and bool((values == table[name].astype("str")).all())


def _numbers(values: pd.Series[str]) -> pd.Series[float] | None:
    """The column as numbers, NaN where blank; None if it holds words."""
    given = values[values != ""]
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    fits = not given.empty and float(numbers[given.index].notna().mean()) >= _NUMBERS_SHARE
    return numbers if fits else None


def _words(column: str) -> str:
    """A column name in lower case with blanks between its words."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    return re.sub(r"[\W_]+", " ", split).casefold()
