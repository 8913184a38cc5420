"""A column of facts about images or patients as a few groups."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from medxfer.errors import EvaluationError
from medxfer.evaluation.predictions import Floats, Ints

UNKNOWN = "unknown"
_BLANKS = frozenset({
    "", UNKNOWN, "nan", "n/a", "n.a.", "#n/a", "<na>", "null", "?", "-", "--", "missing",
    "not known", "not available",
})  # fmt: skip
"""Words, in lower case, that say that nothing is known."""
_NO_NUMBERS = _BLANKS | {"na", "none", "."}
"""Among numbers these say so too; among words they may be one, as NA of North America."""
_MOST = 50
"""Distinct words, above which a column names things rather than groups them."""
_MOST_CODES = 6
"""Distinct numbers, up to which they are taken as codes and not cut into bands."""
_AGE = re.compile(r"(?<![A-Za-z])(age|AGE)(?![A-Za-z])|Age(?![a-z])")
_DICOM_AGE = re.compile(r"(\d{3})([DWMY])")
_UNIT = re.compile(r"\b(day|week|wk|month|mo)s?\b")
_IN_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_AGE_ENDS = np.array([18.0, 40.0, 60.0, 80.0])
_AGE_BANDS = ("below 18", "18-39", "40-59", "60-79", "80 and over")


def groups(column: pd.Series[Any]) -> tuple[list[str], Ints]:
    """The names of the groups, in their natural order, and (n,) the place of each row in it.

    Empty cells, and those that say so in words (nan, N/A, Unknown, …), are the last group,
    `UNKNOWN`. Ages (a column called age, in years unless its name says months, weeks or days, or
    DICOM ages such as 045Y) are cut at 18, 40, 60 and 80 years, other numbers of more than 6 values
    at their quartiles; anything else groups as it is. Every group has a row.

    Raises:
        EvaluationError: more than 50 different words.
    """
    name = str(column.name)
    words = ["" if pd.isna(cell) else str(cell).strip() for cell in column]
    is_age = bool(_AGE.search(name)) or any(map(_DICOM_AGE.fullmatch, words))
    numbers = _numbers(words, _in_a_year(name) if is_age else None)
    if numbers is None:
        known = np.asarray([word.casefold() not in _BLANKS for word in words], dtype=bool)
    else:
        known = ~np.isnan(numbers)
    told = [word if is_known else "" for word, is_known in zip(words, known, strict=True)]
    if numbers is not None and is_age:
        names, place = list(_AGE_BANDS), np.searchsorted(_AGE_ENDS, numbers, side="right")
    elif numbers is not None and len(np.unique(numbers[known])) > _MOST_CODES:
        names, place = _quartiles(numbers)
    else:
        names, place = _words(name, told, numbers)
    place = np.where(known, place, len(names))
    used, place = np.unique(place, return_inverse=True)
    return [[*names, UNKNOWN][each] for each in used], np.asarray(place, dtype=np.int64)


def _numbers(words: list[str], in_a_year: float | None) -> Floats | None:
    """(n,) the cells as finite numbers, NaN for empty ones; None if they are not numbers.

    `in_a_year` is how many of its unit are a year, if the column holds ages; these are in years.
    """
    empty = np.asarray([word.casefold() in _NO_NUMBERS for word in words], dtype=bool)
    try:
        numbers = [
            np.nan if is_empty
            else float(word) if in_a_year is None
            else _years(word, in_a_year)
            for word, is_empty in zip(words, empty, strict=True)
        ]  # fmt: skip
    except ValueError:
        return None
    found = np.asarray(numbers, dtype=np.float64)
    return found if not empty.all() and np.isfinite(found[~empty]).all() else None


def _years(word: str, in_a_year: float) -> float:
    match = _DICOM_AGE.fullmatch(word)
    return float(word) / in_a_year if match is None else int(match[1]) / _IN_A_YEAR[match[2]]


def _in_a_year(name: str) -> float:
    """How many of the unit that a column's name speaks of are a year; 1 if it speaks of none."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    unit = _UNIT.search(re.sub(r"[\W_]+", " ", words).casefold())
    return 1.0 if unit is None else _IN_A_YEAR[unit[1][0].upper()]


def _quartiles(numbers: Floats) -> tuple[list[str], Ints]:
    inner = np.unique(np.nanquantile(numbers, [0.25, 0.5, 0.75]))
    place = np.searchsorted(inner, numbers, side="left")
    names = []
    for each in range(len(inner) + 1):
        inside = numbers[place == each]
        inside = inside[~np.isnan(inside)]
        ends = f"{inside.min():g} to {inside.max():g}" if len(inside) else "none"
        names.append(ends if ends not in names else f"{ends} ({each + 1})")
    return names, place.astype(np.int64)


def _words(column: str, words: list[str], numbers: Floats | None) -> tuple[list[str], Ints]:
    """Each word a group; "" is none."""
    distinct = {word for word in words if word}
    if len(distinct) > _MOST:
        odd = sum(not _is_number(word) for word in distinct)
        if odd < len(distinct) / 2:
            raise EvaluationError(
                f"The column '{column}' has {len(distinct)} different values, and {odd} of them "
                "are no numbers; that is no grouping.",
                "Make them numbers, or leave the cell empty where nothing is known.",
            )
        raise EvaluationError(
            f"The column '{column}' has {len(distinct)} different values; that is no grouping.",
            f"Choose a column with at most {_MOST}, such as sex, site or view.",
        )
    names = sorted(distinct) if numbers is None else sorted(distinct, key=float)
    places = {name: at for at, name in enumerate(names)}
    return names, np.asarray([places.get(word, len(names)) for word in words], dtype=np.int64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
