"""Columns become the groups that a reader would make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from medxfer.errors import EvaluationError
from medxfer.evaluation.grouping import groups


def by_row(cells: list[Any], name: str = "column") -> list[str]:
    names, place = groups(pd.Series(cells, name=name))
    return [names[at] for at in place]


@pytest.mark.parametrize("name", ["age", "Patient Age", "patientAge", "age_years", "AGE"])
def test_ages_are_cut_in_bands(name: str) -> None:
    found = by_row(["17.9", "18", "39", "40", "60", "79", "80", "", "101"], name)
    assert found == [
        "below 18", "18-39", "18-39", "40-59", "60-79", "60-79", "80 and over", "unknown",
        "80 and over",
    ]  # fmt: skip
    names, _ = groups(pd.Series(["80", "17", ""], name=name))
    assert names == ["below 18", "80 and over", "unknown"]


def test_ages_of_dicom_headers() -> None:
    assert by_row(["045Y", "017Y", "018M", "003W", "200D"], "x") == ["40-59", *["below 18"] * 4]


@pytest.mark.parametrize("blank", ["NA", "nan", "Unknown", "none", "N/A", "?", "-", "", None])
def test_one_blank_among_many_ages_leaves_them_ages(blank: str | None) -> None:
    ages = [f"{age / 10:.1f}" for age in range(180, 900, 10)]
    assert len(set(ages)) > 50
    names, place = groups(pd.Series([*ages, blank], name="age"))
    assert names == ["18-39", "40-59", "60-79", "80 and over", "unknown"]
    assert place[-1] == 4
    assert np.bincount(place).tolist() == [22, 20, 20, 10, 1]


@pytest.mark.parametrize(
    ("name", "adult"),
    [("age_months", 45 * 12), ("AgeInMonths age_mo", 45 * 12), ("age (weeks)", 45 * 53),
     ("age_days", 45 * 366), ("patientAge_days", 45 * 366), ("age_years", 45), ("age", 45)],
)  # fmt: skip
def test_ages_are_of_the_unit_that_the_column_names(name: str, adult: int) -> None:
    assert by_row([str(adult), "17", "045Y", "018M"], name) == [
        "40-59", "below 18", "40-59", "below 18",
    ]  # fmt: skip


def test_a_blank_among_codes_and_among_words() -> None:
    assert by_row(["2", "1", "NA", "1"], "grade") == ["2", "1", "unknown", "1"]
    # NA may be North America, and "none" an answer: among words they stand for themselves.
    assert by_row(["EU", "NA", "none", "nan", "UNKNOWN"], "site") == [
        "EU", "NA", "none", "unknown", "unknown",
    ]  # fmt: skip


def test_many_numbers_with_a_word_among_them_say_what_is_in_the_way() -> None:
    with pytest.raises(EvaluationError, match="73 different values, and 1 of them are no numbers"):
        groups(pd.Series([*map(str, range(18, 90)), "old"], name="age"))


@pytest.mark.parametrize("name", ["stage", "image", "dosage"])
def test_not_every_word_with_age_is_one(name: str) -> None:
    assert by_row(["1", "2", "2"], name) == ["1", "2", "2"]


def test_numbers_are_cut_at_their_quartiles() -> None:
    values = np.random.default_rng(0).permutation(100)
    names, place = groups(pd.Series(values, name="dose"))
    assert names == ["0 to 24", "25 to 49", "50 to 74", "75 to 99"]
    assert np.bincount(place).tolist() == [25] * 4
    for at in range(4):
        assert values[place == at].min() == 25 * at


def test_numbers_that_are_mostly_equal() -> None:
    names, place = groups(pd.Series([0] * 90 + list(range(1, 11)), name="dose"))
    assert names == ["0 to 0", "1 to 10"]
    assert np.bincount(place).tolist() == [90, 10]


def test_codes_and_words_group_as_they_are() -> None:
    assert groups(pd.Series([10, 9, 2, np.nan], name="site"))[0] == [
        "2.0",
        "9.0",
        "10.0",
        "unknown",
    ]
    assert groups(pd.Series(["10", "9", "2"], name="site"))[0] == ["2", "9", "10"]
    names, place = groups(pd.Series(["M", " F", None, "unknown", "M"], name="sex"))
    assert names == ["F", "M", "unknown"]
    assert place.tolist() == [1, 0, 2, 2, 1]


def test_ages_with_a_word_among_them_group_as_words() -> None:
    assert by_row(["60", "old"], "age") == ["60", "old"]


def test_names_are_no_groups() -> None:
    with pytest.raises(EvaluationError, match="60 different values"):
        groups(pd.Series([f"p{at}" for at in range(60)], name="patient"))


def test_nothing_known() -> None:
    assert by_row(["", None, np.nan]) == ["unknown"] * 3
    names, place = groups(pd.Series([], name="sex", dtype=object))
    assert (names, place.tolist()) == ([], [])
