"""A scan leaves the workspace with everything known of it, and with what it is not worth."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from explained import (
    STAMP,
    WHY_UNKNOWN,
    checks,
    curves,
    familiarity,
    heat,
    pixels,
    scan,
    verdict,
)
from numpy.typing import NDArray
from PIL import Image

from medxfer import RESEARCH_USE_ONLY
from medxfer.explain.overlay import blend
from medxfer.reports.footer import with_footer
from medxfer.reports.scan import Explained, original_png, overlay_png, scan_values
from medxfer.reports.scan_page import scan_html
from medxfer.reports.trust import trust_points, trust_sentence
from medxfer.runs.answering import Answer

INSISTED = "Answered only because a person insisted"


def text_of(explained: Explained) -> str:
    return json.dumps(scan_values(explained, STAMP), allow_nan=False, ensure_ascii=False)


def picture(png: bytes) -> NDArray[np.uint8]:
    opened = Image.open(BytesIO(png))
    assert not opened.info, "metadata"
    return np.asarray(opened)


@pytest.fixture
def burnt(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the footers that are burnt in."""
    lines: list[str] = []

    def noted(under: NDArray[np.uint8], told: list[str]) -> NDArray[np.uint8]:
        lines.extend(line for line in told if line)
        return with_footer(under, told)

    monkeypatch.setattr("medxfer.reports.exports.with_footer", noted)
    monkeypatch.setattr("medxfer.reports.scan.with_footer", noted)
    return lines


def test_everything_is_told_as_it_was_found() -> None:
    told = scan_values(scan(), STAMP)
    assert json.loads(json.dumps(told, allow_nan=False)) == told, "plain values only"
    steps = [0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0]
    chance = {
        "deletion": pytest.approx([1 - step for step in steps]),
        "insertion": steps,
        "deletion_area": pytest.approx(0.5),
        "insertion_area": pytest.approx(0.5),
        "gap": pytest.approx(0, abs=1e-12),
    }
    faithfulness = told.pop("faithfulness")
    assert len(faithfulness.pop("sentences")) == 3
    assert faithfulness == {
        "verdict": "well supported",
        "warning": "",
        "empty": False,
        "removal": {
            "passed": True,
            "shares": steps,
            # Falls from 1 to 0 on the first twentieth: half of that twentieth.
            "own": {
                "deletion": [1, 0, 0, 0, 0, 0, 0],
                "insertion": [0, 1, 1, 1, 1, 1, 1],
                "deletion_area": pytest.approx(0.025),
                "insertion_area": pytest.approx(0.975),
                "gap": pytest.approx(0.95),
            },
            "centre": {
                "deletion": pytest.approx([0.8, 0.76, 0.72, 0.64, 0.48, 0.24, 0]),
                "insertion": pytest.approx([0, 0.03, 0.06, 0.12, 0.24, 0.42, 0.6]),
                "deletion_area": pytest.approx(0.4),
                "insertion_area": pytest.approx(0.3),
                "gap": pytest.approx(-0.1),
            },
            "random": [chance, chance],
        },
        "occlusion": {
            "passed": True,
            "agreement": 0.75,
            "centre_agreement": 0.25,
            "by_chance": 0.005,
            "lost": [[6.0 * row + column for column in range(6)] for row in range(6)],
        },
        "stability": {"passed": True, "mean": pytest.approx(0.85), "likeness": [0.9, 0.8]},
    }
    assert told == {
        "notice": RESEARCH_USE_ONLY,
        "run": "20250309-013000-abcd",
        "model": "ResNet-34, strategy partial",
        "data": "chest",
        "version": "1.2.3",
        "date": "2025-03-08 23:30 UTC",
        "image": "p7.png",
        "width": 120,
        "height": 90,
        "notes": ["converted from P to RGB"],
        "sentence": "PNEUMONIA, probability 0.750; PNEUMONIA is called from 0.400 on; conformal "
        "set: PNEUMONIA. Moved by 8 of 224 pixels, 7 of 8 views are called the same; the "
        "probability lies between 0.500 and 0.800. This heatmap is well supported by the checks.",
        "answered": True,
        "insisted": False,
        "caution": "",
        "familiarity": {
            "familiar": True,
            "sentence": "This picture is like the scans the run was trained on: 50 of 100 scans it "
            "knows stray farther.",
            "score": 1.5,
            "limit": 2.0,
            "farther_than": 0.5,
            "checks": [
                {"name": "texture", "score": 1.5, "passed": True},
                {"name": "layout", "score": 0.5, "passed": True},
            ],
            "similar": [
                {"image": "a1b2", "label": "PNEUMONIA", "distance": 0.75},
                {"image": "c3d4", "label": "NORMAL", "distance": 1.25},
            ],
        },
        "prediction": "PNEUMONIA",
        "probabilities": {"NORMAL": 0.25, "PNEUMONIA": 0.75},
        "temperature": 1.5,
        "threshold": 0.4,
        "positive": "PNEUMONIA",
        "uncertain": False,
        "conformal_set": ["PNEUMONIA"],
        "coverage_promised": 0.9,
        "agreement": {"shifts": 8, "same": 7, "low": 0.5, "high": 0.8, "share": 0.875},
        "explanation": {
            "class": "NORMAL",
            "rather_than": None,
            "method": "gradcam",
            "stage": "layer4",
            "raw_maximum": 2.5,
            "width": 120,
            "height": 90,
            "seen": [20.625, 5.625, 99.375, 84.375],
        },
    }


def test_a_difference_of_two_classes_is_named_as_one(burnt: list[str]) -> None:
    other = scan(heat=heat(against=1))
    assert scan_values(other, STAMP)["explanation"]["rather_than"] == "PNEUMONIA"
    overlay_png(other, STAMP)
    assert "Heatmap of NORMAL (probability 0.250) rather than PNEUMONIA by gradcam" in burnt
    assert "rather than PNEUMONIA" in scan_html(other, STAMP)


def test_the_probabilities_told_are_those_of_the_answer_everywhere(burnt: list[str]) -> None:
    overlay_png(scan(), STAMP)
    assert "Heatmap of NORMAL (probability 0.250) by gradcam" in burnt
    page = scan_html(scan(), STAMP)
    assert "0.250" in page
    for text in (page, text_of(scan()), *burnt):
        assert "0.123" not in text, "that is before the temperature"


@pytest.mark.parametrize("familiar", [False, None])
def test_a_refused_scan_has_no_probability_in_any_export(
    familiar: bool | None, burnt: list[str]
) -> None:
    refused = scan(familiar, answered=False)
    told = scan_values(refused, STAMP)
    assert told["answered"] is told["insisted"] is False
    assert told["explanation"] is told["faithfulness"] is None
    original_png(refused, STAMP)
    for text in (text_of(refused), scan_html(refused, STAMP), *burnt):
        assert "probab" not in text.casefold()
        assert "predict" not in text.casefold()
        assert "PNEUMONIA" not in text, "a neighbour's label would be a prediction"
    assert any(line.startswith("Not answered: ") for line in burnt)
    assert told["caution"] in scan_html(refused, STAMP)
    with pytest.raises(ValueError, match="no heatmap"):
        overlay_png(refused, STAMP)
    with pytest.raises(ValueError, match="would tell probabilities"):
        replace(refused, heat=heat())


def test_checks_go_with_a_heatmap() -> None:
    with pytest.raises(ValueError, match="without the heatmap"):
        scan(heat=None)
    told = scan_values(scan(heat=None, checks=None), STAMP)
    assert told["prediction"] == "PNEUMONIA"
    assert told["explanation"] is None


@pytest.mark.parametrize(
    ("familiar", "reason"),
    [
        (False, "this picture is unlike the scans the run was trained on, so the run's figures do "
                "not hold for it."),
        (None, "whether this picture is like the scans the run was trained on cannot be said."),
    ],
)  # fmt: skip
def test_insisting_stands_on_every_export(
    familiar: bool | None, reason: str, burnt: list[str]
) -> None:
    insisted = scan(familiar)
    told = scan_values(insisted, STAMP)
    assert told["insisted"] is True
    assert told["caution"] == f"{INSISTED}: {reason}"
    assert INSISTED in told["sentence"]
    assert "PNEUMONIA, probability 0.750" in told["sentence"]
    assert told["caution"].replace("'", "&#x27;") in scan_html(insisted, STAMP)
    for export in (original_png, overlay_png):
        burnt.clear()
        export(insisted, STAMP)
        assert told["caution"] in burnt
    for text in (text_of(scan()), scan_html(scan(), STAMP)):
        assert "insisted:" not in text
        assert INSISTED not in text


@pytest.mark.parametrize("export", [original_png, overlay_png])
def test_the_caution_is_in_the_pixels_and_the_picture_above_is_the_same(export: Any) -> None:
    plain, insisted = (picture(export(scan(familiar), STAMP)) for familiar in (True, False))
    assert insisted.shape[0] > plain.shape[0], "the caution takes rows of its own"
    np.testing.assert_array_equal(insisted[:90], plain[:90])
    ink = insisted[90:].max(axis=2) > 60
    assert ink.sum() > (plain[90:].max(axis=2) > 60).sum()


def test_the_pictures_are_those_of_the_scan_above_the_stamp() -> None:
    original, overlay = picture(original_png(scan(), STAMP)), overlay_png(scan(), STAMP, "viridis")
    left = (original.shape[1] - 120) // 2
    np.testing.assert_array_equal(original[:90, left : left + 120], pixels())
    expected = blend(pixels(), heat().heatmap, 0.5, "viridis")
    np.testing.assert_array_equal(picture(overlay)[:90, left : left + 120], expected)


def test_every_line_that_matters_is_burnt_in(burnt: list[str]) -> None:
    original_png(scan(), STAMP)
    assert burnt == ["Image p7.png", "Original picture, without a heatmap", *STAMP.lines]
    burnt.clear()
    unsure = scan(answer=Answer(familiarity(), "", verdict(uncertain=True)), checks=None)
    overlay_png(unsure, STAMP)
    assert burnt == [
        "Image p7.png",
        "Heatmap of NORMAL (probability 0.250) by gradcam",
        "This heatmap was not checked.",
        "Within the uncertain band, so a person should look.",
        *STAMP.lines,
    ]


def test_what_is_no_number_is_null() -> None:
    strange = replace(familiarity(), score=float("inf"), limit=np.float64("nan"))
    told = scan(
        answer=Answer(strange, "", verdict(promised=float("nan"))),
        heat=heat(raw_maximum=float("-inf")),
        checks=checks(agreement=float("nan"), stability=(np.float32("nan"),)),
    )
    values = scan_values(told, STAMP)
    assert "NaN" not in text_of(told)
    assert "Infinity" not in text_of(told)
    assert values["familiarity"]["score"] is values["familiarity"]["limit"] is None
    assert values["coverage_promised"] is values["explanation"]["raw_maximum"] is None
    assert values["faithfulness"]["occlusion"]["agreement"] is None
    assert values["faithfulness"]["stability"]["likeness"] == [None]


def test_no_path_and_no_other_file_is_told(burnt: list[str]) -> None:
    named = scan(None, name="/mnt/ward-9/Schmidt/p7.png")
    original_png(named, STAMP)
    overlay_png(named, STAMP)
    assert burnt.count("Image p7.png") == 2
    for text in (text_of(named), scan_html(named, STAMP), *burnt):
        for part in ("ward-9", "Schmidt", "Zwiebel", WHY_UNKNOWN):
            assert part not in text
    assert scan_values(named, STAMP)["familiarity"]["familiar"] is None


def test_a_name_that_is_no_text_can_be_written() -> None:
    odd = scan(name="a\udcff\n<b>.png")
    assert scan_values(odd, STAMP)["image"] == "a?\n<b>.png"
    assert scan_html(odd, STAMP).encode()
    assert picture(overlay_png(odd, STAMP)).size


def test_what_the_checks_found_is_told_in_words() -> None:
    assert trust_sentence(None) == "This heatmap was not checked."
    assert trust_points(checks()) == (
        "Removal, passed: the answer goes with the places this map calls important more than with "
        "those of 2 random maps, and not clearly less than with a blob in the centre (gap between "
        "the curves 0.950; random maps 0.000 to 0.000, centre -0.100).",
        "Covering, passed: the map is hot where covering the picture costs the answer (rank "
        "correlation 0.750; 0.5 % of random maps agree as well).",
        "Small shifts, passed: the map stays the same when the picture is moved a little (mean "
        "correlation 0.850; 0.7 is needed).",
    )
    flat = curves(np.linspace(1, 0, 7), np.linspace(0, 1, 7))
    failed = checks(own=flat, random=(flat,), by_chance=0.34, stability=(0.2,))
    assert trust_sentence(failed) == "This heatmap is not supported by the checks."
    assert [point.split(":")[0] for point in trust_points(failed)] == [
        "Removal, not passed", "Covering, not passed", "Small shifts, not passed",
    ]  # fmt: skip
    empty = trust_points(checks(empty=True, stability=()))
    assert empty[0].startswith("The heatmap is empty")
    assert empty[-1] == "Small shifts: not tried."


def test_an_answer_that_needs_no_picture_is_a_warning_everywhere(burnt: list[str]) -> None:
    sure = np.full(7, 0.95)
    told = scan(checks=checks(own=curves(sure, sure)))
    warning = (
        "The answer hardly needs what the picture shows: with all of it blurred the probability is "
        "still 0.950, so no map of single places can explain it."
    )
    assert scan_values(told, STAMP)["faithfulness"]["warning"] == warning
    assert f"</strong> {warning}</p>" in scan_html(told, STAMP)
    overlay_png(told, STAMP)
    assert warning in burnt
    for last in (0.89, 0.0):
        own = curves(np.append(sure[:6], last), sure)
        unsure = scan(checks=checks(own=own))
        assert scan_values(unsure, STAMP)["faithfulness"]["warning"] == ""
        assert "hardly needs" not in scan_html(unsure, STAMP)


def test_the_exports_do_not_pay_for_torch_before_there_is_a_heatmap() -> None:
    code = "import sys, medxfer.reports.scan_page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
