"""`evaluate`, `decide` and `report` on a run made without training: no torch is needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from recorded import Made, make, make_run

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.main import medxfer
from medxfer.errors import MedxferError
from medxfer.evaluation.metrics import summary
from medxfer.paths import Workspace
from medxfer.runs.decisions import open_test
from medxfer.runs.results import load_predictions


@pytest.fixture
def made(workspace: Workspace, tmp_path: Path) -> Made:
    return make(workspace, tmp_path / "source")


@pytest.fixture
def call(workspace: Workspace) -> Callable[..., Any]:
    def run(*arguments: object) -> Any:
        words = [*map(str, arguments), "--workspace", str(workspace.root), "--json"]
        result = CliRunner().invoke(medxfer, words, standalone_mode=False)
        if result.exception:
            raise result.exception
        return json.loads(result.stdout)

    return run


def said(workspace: Workspace, *arguments: object) -> str:
    words = [*map(str, arguments), "--workspace", str(workspace.root)]
    return CliRunner().invoke(medxfer, words, standalone_mode=False).stdout


def test_validation_is_the_default_and_is_no_look(call: Callable[..., Any], made: Made) -> None:
    judged = call("evaluate", made.run)
    assert (judged["split"], judged["n"], judged["patients"]) == ("val", 48, 24)
    values = summary(load_predictions(made.workspace, made.run, "val"))
    assert judged["metrics"].keys() == values.keys()
    for name, value in values.items():
        told = judged["metrics"][name]
        assert told["value"] == pytest.approx(value)
        assert told["low"] <= told["value"] <= told["high"]
    assert [row["n"] for row in judged["by_class"]] == [24, 24]
    assert {"auroc", "auroc_low", "auroc_high"} <= judged["by_class"][0].keys()
    assert judged["test_set"]["opened"] == 0
    assert judged["temperature"] is None
    assert judged["operating_point"] is None
    assert judged["notice"] == RESEARCH_USE_ONLY
    assert {"severity", "problem", "remedy", "key"} <= judged["alarms"][0].keys()
    text = said(made.workspace, "evaluate", made.run)
    assert "Test set not opened yet." in text
    assert "auroc" in text
    assert " to " in text


def test_looking_at_test_is_counted_and_told(call: Callable[..., Any], made: Made) -> None:
    other = make_run(made.workspace, made.data, seed=1)
    for _ in range(2):
        judged = call("evaluate", made.run, "--split", "test")
        assert (judged["split"], judged["n"]) == ("test", 40)
        assert judged["test_set"]["opened"] == judged["test_set"]["opened_by_this_run"] == 1
    open_test(made.workspace, other, "page")
    call("decide", made.run, "--temperature", "on")
    judged = call("evaluate", made.run, "--split", "test")
    assert judged["test_set"]["opened"] == 3
    assert judged["test_set"]["sentence"].startswith("Test set opened 3 times (this run: 2, first")
    assert judged["test_set"]["sentence"] in said(made.workspace, "decide", made.run)


def test_decisions_hold_for_what_is_shown(call: Callable[..., Any], made: Made) -> None:
    before = call("evaluate", made.run)["metrics"]
    decided = call(
        "decide", made.run, "--temperature", "on", "--rule", "sensitivity", "--value", 0.95
    )
    assert decided["temperature"]["on"] is True
    assert decided["temperature"]["value"] > 1
    point = decided["operating_point"]
    assert point["threshold"] == point["threshold_now"]
    judged = call("evaluate", made.run)
    assert judged["metrics"]["sensitivity"]["value"] == pytest.approx(point["sensitivity"])
    assert judged["metrics"]["specificity"]["value"] == pytest.approx(point["specificity"])
    assert judged["metrics"]["log_loss"]["value"] < before["log_loss"]["value"]
    assert judged["metrics"]["auroc"]["value"] == pytest.approx(before["auroc"]["value"])
    assert call("decide", made.run) == decided
    off = call("decide", made.run, "--temperature", "off", "--rule", "none")
    assert off["operating_point"] is None
    assert call("evaluate", made.run)["metrics"]["log_loss"] == before["log_loss"]
    text = said(made.workspace, "decide", made.run, "--rule", "youden")
    assert "Operating point by youden: threshold" in text


def test_band_and_sets_are_kept_and_measured_on_test(call: Callable[..., Any], made: Made) -> None:
    decided = call("decide", made.run, "--uncertain", 0.99, "--sets", 0.2, "--by-class")
    assert decided["uncertain_band"]["low"] < 0.5 < decided["uncertain_band"]["high"]
    assert decided["conformal_sets"]["by_class"] is True
    on_validation = call("evaluate", made.run)
    assert on_validation["outside_band"]["accuracy"]["value"] >= 0.99
    assert on_validation["coverage"] is None, "they were calibrated on it"
    judged = call("evaluate", made.run, "--split", "test")
    answers = load_predictions(made.workspace, made.run, "test")
    score = answers.probabilities[:, 1 if answers.classes[0] == "healthy" else 0]
    band = decided["uncertain_band"]
    between = (score >= band["low"]) & (score < band["high"])
    assert judged["outside_band"]["uncertain"]["value"] == pytest.approx(between.mean())
    assert judged["coverage"]["promised"] == pytest.approx(0.8)
    assert 0 < judged["coverage"]["coverage"]["value"] <= 1
    text = said(made.workspace, "evaluate", made.run, "--split", "test")
    assert "Left to a person" in text
    assert "Conformal sets hold the truth in" in text
    assert "No answer between" in said(made.workspace, "decide", made.run)
    off = call("decide", made.run, "--uncertain", "none", "--sets", "none")
    assert (off["uncertain_band"], off["conformal_sets"]) == (None, None)


def test_a_damaged_record_of_another_run_stops_only_test(
    call: Callable[..., Any], made: Made
) -> None:
    other = make_run(made.workspace, made.data, seed=1)
    made.workspace.run(other).decisions.write_bytes(b"nonsense\n")
    decided = call("decide", made.run, "--rule", "youden")
    assert decided["operating_point"] is not None
    assert decided["test_set"]["unknown"] == [f"run {other}"]
    assert call("evaluate", made.run)["n"] == 48
    assert "is not known" in said(made.workspace, "evaluate", made.run)
    for words in (("evaluate", made.run, "--split", "test"),
                  ("compare", made.run, made.run, "--split", "test")):  # fmt: skip
        with pytest.raises(MedxferError, match="Without the count no test figure"):
            call(*words)


def test_what_cannot_be_decided_stores_nothing_of_the_rest(
    call: Callable[..., Any], made: Made
) -> None:
    for words, problem in (
        (("--rule", "sensitivity"), "does not go with the rule"),
        (("--by-class",), "needs --sets"),
        (("--value", "0.9"), "need a --rule"),
    ):
        with pytest.raises(MedxferError, match=problem):
            call("decide", made.run, "--temperature", "on", *words)
        assert not made.workspace.run(made.run).decisions.exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["decide", "RUN", "--by-class"], "needs --sets"),
        (["decide", "RUN", "--value", "0.9"], "need a --rule"),
        (["decide", "RUN", "--rule", "none", "--value", "1"], "takes no value"),
        (["decide", "RUN", "--rule", "sensitivity"], "does not go with the rule"),
        (["decide", "nothing"], "no run 'nothing'"),
        (["evaluate", "RUN", "--match", "a=b"], "another data set"),
        (["evaluate", "RUN", "--split", "all"], "another data set"),
        (["evaluate", "RUN", "--on", "lungs", "--match", "a"], "which class is which"),
        (["report", "RUN", "--out", "/proc/none/x.html"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_says_so(
    call: Callable[..., Any], made: Made, words: list[str], problem: str
) -> None:
    with pytest.raises(MedxferError, match=problem):
        call(*[made.run if word == "RUN" else word for word in words])


def test_a_part_too_small_for_intervals_is_not_defined(
    call: Callable[..., Any], made: Made
) -> None:
    path = made.workspace.run(made.run).predictions("val")
    answers = load_predictions(made.workspace, made.run, "val")
    answers.only(np.flatnonzero(answers.truth == 0)[:2]).save(path)
    metrics = call("evaluate", made.run)["metrics"]
    assert metrics["auroc"] == {"value": None, "low": None, "high": None}
    assert metrics["accuracy"]["value"] is not None


def test_a_report_is_written_in_either_form(
    call: Callable[..., Any], made: Made, tmp_path: Path
) -> None:
    page, card = tmp_path / "r.html", tmp_path / "card.md"
    told = call("report", made.run, "--out", page, "--column", "age")
    assert told["format"] == "html"
    assert "checklist" in told["sections"]
    assert page.read_text().startswith("<!doctype html>")
    assert call("report", made.run, "--out", card)["format"] == "md"
    assert card.read_text().startswith("# Report on lungs")
    assert call("report", made.run, "--out", tmp_path / "x", "--format", "md")["format"] == "md"
