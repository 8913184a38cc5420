"""Classes of another data set are matched by name, and only with what they can mean."""

import pytest

from medxfer.errors import RunError
from medxfer.runs.matching import checked, suggest


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        (["Normal", "PNEUMONIA"], ["NORMAL", "pneumonia"], ["NORMAL", "pneumonia"]),
        (["no tumor", "tumor"], ["No_Tumor", "Tumor"], ["No_Tumor", "Tumor"]),
        (["tumor"], ["no tumor"], [None]),
        (["abnormal"], ["normal"], [None]),
        (["infected", "uninfected"], ["Uninfected", "Infected"], ["Infected", "Uninfected"]),
        (["healthy", "glioma_tumor"], ["normal", "glioma"], ["normal", "glioma"]),
        (["COVID-19", "Viral Pneumonia"], ["covid", "normal"], ["covid", None]),
        (["melanomas", "melanoma"], ["melanoma"], [None, "melanoma"]),
    ],
)
def test_suggestions(theirs: list[str], ours: list[str], expected: list[str | None]) -> None:
    assert list(suggest(theirs, ours).values()) == expected


def test_a_matching_names_every_class() -> None:
    assert checked({"a": "x"}, ["a", "b"], ["x", "y"]) == {"a": "x", "b": None}
    assert checked({"a": "x", "b": "x"}, ["a", "b"], ["x", "y"]) == {"a": "x", "b": "x"}


@pytest.mark.parametrize(
    ("matching", "words"),
    [
        ({"tumor": None}, "None of the classes"),
        ({}, "None of the classes"),
        ({"tumour": "x"}, "no class 'tumour' in the other data set"),
        ({"tumor": "why"}, "no class 'why' in the run"),
    ],
)
def test_what_cannot_match_is_refused(matching: dict[str, str | None], words: str) -> None:
    with pytest.raises(RunError, match=words):
        checked(matching, ["tumor", "other"], ["x", "y"])
