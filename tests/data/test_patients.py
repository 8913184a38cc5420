"""Patients from file names, patterns and columns."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from medxfer.data.patients import apply_pattern, identify
from medxfer.errors import DataError

KERMANY = {
    "train/PNEUMONIA/person12_bacteria_47.jpeg": "person12",
    "train/PNEUMONIA/person12_virus_48.jpeg": "person12",
    "train/NORMAL/IM-0117-0001.jpeg": "IM-0117",
    "train/NORMAL/IM-0429-0001-0002.jpeg": "IM-0429",
    "train/NORMAL/NORMAL2-IM-0117-0001.jpeg": "NORMAL2-IM-0117",
}
NIH = {"a/00000061_012.png": "00000061", "b/00000061_013.jpg": "00000061"}
EYES = {"n/2120_left.jpg": "2120", "n/2120_right.jpg": "2120", "n/7_left.jpeg": "7"}


def column(values: object) -> pd.Series[str]:
    return pd.Series(list(values), dtype="str")


@pytest.mark.parametrize("names", [KERMANY, NIH, EYES, {**KERMANY, **NIH}])
def test_known_names(names: dict[str, str]) -> None:
    found = identify(column(names))
    assert found.ids.tolist() == list(names.values())
    assert found.known
    assert "file names of the kind" in found.source
    assert not found.warnings


def test_a_pattern_that_fits_some_names_only_is_not_believed() -> None:
    files = column([*EYES, "n/_378_2183024.jpg", "n/other.jpg"])
    found = identify(files)
    assert not found.known
    assert found.ids.tolist() == files.tolist()
    assert "Without patient ids results are probably too good." in found.warnings[0]
    assert "3 of 5 names fit the kind left and right eyes" in found.warnings[1]


def test_nearly_all_names_are_enough() -> None:
    files = column([*(f"{number}_left.jpg" for number in range(39)), "odd.jpg"])
    found = identify(files)
    assert found.known
    assert found.ids.iloc[-1] == "odd.jpg"
    assert "1 of 40" in found.warnings[0]


def test_a_column_goes_before_names_and_a_pattern_before_both() -> None:
    files = column(EYES)
    given = column(["A", "B", ""])
    assert identify(files, given, "case").ids.tolist() == ["A", "B", "n/7_left.jpeg"]
    assert identify(files, given, "case", r"_(left|right)").ids.tolist() == [
        "left",
        "right",
        "left",
    ]


@pytest.mark.parametrize("pattern", [r"(\d+)_", r"(?P<patient>\d+)_(left|right)", r"n/(\d+)"])
def test_a_persons_pattern(pattern: str) -> None:
    assert apply_pattern(pattern, column(EYES)).tolist() == ["2120", "2120", "7"]


def test_without_a_slash_only_the_name_is_searched() -> None:
    assert apply_pattern(r"^(\w)", column(["n/2.jpg"])).tolist() == ["2"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "is not a regular expression"),
        (r"\d+", "has 0 groups"),
        (r"(\d)(\d)", "has 2 groups"),
        ("(" + "a" * 300 + ")", "has 302 characters"),
        (r"(zzz)", "fits none of 3 names"),
    ],
)
def test_unusable_patterns(pattern: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        identify(column(EYES), pattern=pattern)


def test_a_catastrophic_pattern_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medxfer.data.patients._SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(DataError, match="takes too long"):
        apply_pattern(r"((?:a|aa)+)+$", column(["a" * 60 + "!"]))
    assert time.monotonic() - began < 4
