"""Classes of another data set are matched by name, and only with what they can mean."""

import pytest

from medxfer.errors import RunError
from medxfer.runs.matching import checked, equal, suggest


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
        (["covid_negative", "covid_positive"], ["COVID", "NORMAL"], ["NORMAL", "COVID"]),
        (["CovidNegative", "CovidPositive"], ["healthy", "covid"], ["healthy", "covid"]),
        (["tumor-", "tumor+"], ["tumor", "normal"], ["normal", "tumor"]),
        (["Pneumonia absent", "Pneumonia present"], ["Pneumonia"], [None, "Pneumonia"]),
        (["nonCOVID", "COVID"], ["covid19", "others"], [None, "covid19"]),
        (["tumor free"], ["tumor"], [None]),
        (["no oedema", "oedema"], ["edema", "no edema"], ["no edema", "edema"]),
        (["positive", "negative"], ["abnormal", "normal"], [None, "normal"]),
        (["benign", "malignant"], ["normal", "tumor"], [None, None]),
        (["no tumor"], ["no pneumonia"], [None]),
        (["healthy", "control"], ["normal"], [None, None]),
        (["bacterial pneumonia", "viral pneumonia"], ["pneumonia", "normal"], [None, None]),
        (["stage II"], ["stage I", "stage III"], [None]),
        (["grade 1", "grade 2"], ["Grade2", "Grade1"], ["Grade1", "Grade2"]),
        (["hepatitis A"], ["hepatitis B"], [None]),
        (["hyperthyroid"], ["hypothyroid"], [None]),
        (["typical nevus"], ["atypical nevus"], [None]),
        (["displaced"], ["undisplaced"], [None]),
        (["sarcoma"], ["carcinoma"], [None]),
        (["male"], ["female"], [None]),
        (["0", "1"], ["1", "0"], ["0", "1"]),
    ],
)
def test_suggestions(theirs: list[str], ours: list[str], expected: list[str | None]) -> None:
    assert list(suggest(theirs, ours).values()) == expected


def test_only_equal_names_need_nobody() -> None:
    assert equal(["Normal ", "sick"], ["NORMAL", "sicks"]) == {"Normal ": "NORMAL", "sick": None}
    assert equal(["a"], ["A", "a"]) == {"a": None}, "two are equal but for case"


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
