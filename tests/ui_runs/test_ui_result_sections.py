"""The sections of a result: threshold, calibration, groups, failures, elsewhere, report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from recorded import Made, answers, make, make_data, make_run
from run_cases import words
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import NumberInput

from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.evaluation.calibration import Calibration, calibration
from medxfer.evaluation.conformal import conformal, coverage
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.operating_point import Rule, choose, scores, trade_off
from medxfer.evaluation.temperature import fit_temperature
from medxfer.evaluation.uncertain import outside, uncertain_band
from medxfer.events import Tell
from medxfer.paths import HOME_VARIABLE, Workspace
from medxfer.reports.blocks import interval
from medxfer.runs.decisions import (
    decide_band,
    decide_operating_point,
    decide_sets,
    decide_temperature,
    decisions,
    looks,
    looks_at,
    open_test,
    temper_after_training,
    validation,
)
from medxfer.runs.external_record import External, save_external
from medxfer.runs.results import load_predictions
from medxfer.ui.results.calibration import error_sentence, intercept_sentence, slope_sentence
from medxfer.ui.results.reliability import reliability_figure

RESULT, COMPARE = "pages/results/result.py", "pages/results/compare.py"
Open = Callable[..., AppTest]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A data set with ages and sexes, and a finished run on it, in the workspace of the app."""
    workspace = Workspace.find(tmp_path / "workspace")
    monkeypatch.setenv(HOME_VARIABLE, str(workspace.root))
    st.cache_resource.clear()
    return make(workspace, tmp_path / "source")


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_an_operating_point_is_chosen_on_validation_and_kept(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Threshold")
    answered = load_predictions(made.workspace, made.run, "val")
    expected = choose(answered, Rule.YOUDEN)
    assert f"**{expected.threshold:.3f}**" in words(app)
    press(app, "Use this operating point")
    decided = decisions(made.workspace, made.run)
    assert decided.operating_point == expected
    assert decided.threshold == expected.threshold
    labels = [button.label for button in app.button]
    assert "This operating point is in use" in labels
    press(app, "Call the most probable class again")
    assert decisions(made.workspace, made.run).operating_point is None
    assert not app.exception


def test_a_rule_with_a_wish_reaches_it(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Threshold")
    rule = next(box for box in app.selectbox if box.label == "Rule")
    rule.select(Rule.SENSITIVITY).run()
    wish = next(box for box in app.number_input if box.label == "Least sensitivity")
    wish.set_value(0.9).run()
    press(app, "Use this operating point")
    point = decisions(made.workspace, made.run).operating_point
    assert point is not None
    assert (point.rule, point.value) == (Rule.SENSITIVITY, 0.9)
    assert point.sensitivity >= 0.9


def test_the_predictive_values_follow_the_prevalence_typed(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Threshold")
    box = next(box for box in app.number_input if box.label == "Prevalence there (%)")
    box.set_value(1.0).run()
    found = summary(load_predictions(made.workspace, made.run, "val"))
    right, wrong = 0.01 * found["sensitivity"], 0.99 * (1 - found["specificity"])
    assert f"**{100 * right / (right + wrong):.1f} %**" in words(app)


def test_the_trade_off_is_the_count_of_images_at_each_threshold(made: Made) -> None:
    answered = load_predictions(made.workspace, made.run, "val")
    score, positive = scores(answered)
    for row in trade_off(answered, most=7).to_dict("records"):
        called = score >= row["threshold"]
        assert row["sensitivity"] == pytest.approx(called[positive].mean())
        assert row["specificity"] == pytest.approx((~called[~positive]).mean())


def test_the_probabilities_are_corrected_by_one_switch(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Calibration")
    answered = load_predictions(made.workspace, made.run, "val")
    expected = fit_temperature(answered)
    assert f"temperature {expected:.2f}" in app.toggle[0].label
    assert "less extreme" in app.toggle[0].label
    assert slope_sentence(calibration(answered).lines[0].slope) in words(app)
    app.toggle[0].set_value(True).run()
    line = decisions(made.workspace, made.run).temperature
    assert line is not None
    assert line.on
    assert line.value == pytest.approx(expected)
    corrected = calibration(answered.tempered(line.value))
    assert slope_sentence(corrected.lines[0].slope) in words(app)
    app.toggle[0].set_value(False).run()
    assert decisions(made.workspace, made.run).divisor == 1
    assert not app.exception


def test_a_temperature_promises_no_more_than_it_can(made: Made, open_page: Open) -> None:
    assert temper_after_training(made.workspace, made.run)
    app = open_page(RESULT, run=made.run, show="Calibration")
    assert "makes probabilities less extreme" in words(app)
    assert "it cannot mend" in words(app)
    line = decisions(made.workspace, made.run).temperature
    assert line is not None
    assert "more extreme" in line.model_copy(update={"value": 0.7}).effect


def box(app: AppTest, label: str) -> NumberInput:
    return next(each for each in app.number_input if each.label.startswith(label))


def test_a_band_is_put_to_use_and_measured_on_test(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Threshold")
    box(app, "Right answers wished").set_value(99.0).run()
    press(app, "Leave these to a person")
    answered = load_predictions(made.workspace, made.run, "val")
    band = decisions(made.workspace, made.run).band
    assert band == uncertain_band(answered, accuracy=0.99)
    assert band is not None
    assert "These are left to a person" in [button.label for button in app.button]
    open_test(made.workspace, made.run, "page")
    app = open_page(RESULT, run=made.run, show="Threshold", split="test")
    found = outside(load_predictions(made.workspace, made.run, "test"), band)
    assert f"On test: left to a person {interval(found.uncertain)}" in words(app)
    press(app, "Answer every image again")
    assert decisions(made.workspace, made.run).band is None
    assert not app.exception


def test_sets_are_put_to_use_and_measured_on_test(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Threshold")
    box(app, "Truths that may").set_value(20.0).run()
    press(app, "Use these sets")
    sets = decisions(made.workspace, made.run).sets
    assert sets == conformal(load_predictions(made.workspace, made.run, "val"), 0.2)
    assert sets is not None
    open_test(made.workspace, made.run, "page")
    app = open_page(RESULT, run=made.run, show="Threshold", split="test")
    held = coverage(sets, load_predictions(made.workspace, made.run, "test"))
    assert f"**Measured on test: {interval(held.overall)}**" in words(app)
    press(app, "Name one class again")
    assert decisions(made.workspace, made.run).sets is None
    assert not app.exception


def test_what_the_command_line_stored_is_shown_as_it_is(made: Made, open_page: Open) -> None:
    place, run = made.workspace, made.run
    decide_band(place, run, 0.4)
    decide_sets(place, run, 0.7)
    decide_operating_point(place, run, choose(validation(place, run), Rule.COST, 5000))
    before = place.run(run).decisions.read_bytes()
    app = open_page(RESULT, run=run, show="Threshold")
    assert not app.exception
    assert box(app, "A miss is so many").value == 5000
    assert box(app, "Right answers wished").value == pytest.approx(40)
    assert box(app, "Truths that may").value == pytest.approx(70)
    labels = [button.label for button in app.button]
    for said in ("This operating point is in use", "These are left to a person",
                 "These sets are in use"):  # fmt: skip
        assert said in labels
    for cost, error_rate, accuracy in ((1e300, 0.001, 0.001), (1e-9, 0.29, 1 / 3)):
        decide_operating_point(place, run, choose(validation(place, run), Rule.COST, cost))
        decide_sets(place, run, error_rate)
        decide_band(place, run, accuracy)
        app = open_page(RESULT, run=run, show="Threshold")
        assert not app.exception
        assert not app.error
        assert "These sets are in use" in [button.label for button in app.button]
    assert place.run(run).decisions.read_bytes().startswith(before)


def test_a_choice_made_with_what_another_tab_changed_is_refused(
    made: Made, open_page: Open
) -> None:
    place, run = made.workspace, made.run
    decide_temperature(place, run)
    pressed = ("Use this operating point", "Leave these to a person", "Use these sets")
    for label in pressed:
        app = open_page(RESULT, run=run, show="Threshold")
        if label == pressed[1]:
            box(app, "Right answers wished").set_value(90.0).run()
        decide_temperature(place, run, on=not decisions(place, run).temperature.on)
        lines = place.run(run).decisions.read_bytes()
        press(app, label)
        assert any("was changed meanwhile" in warning.value for warning in app.warning), label
        assert place.run(run).decisions.read_bytes() == lines
        press(app, label)
        assert place.run(run).decisions.read_bytes() != lines, "what is seen now can be stored"
        assert not app.exception


def test_a_change_after_the_test_set_was_opened_is_warned_of(made: Made, open_page: Open) -> None:
    open_test(made.workspace, made.run, "page")
    for section in ("Threshold", "Calibration"):
        assert "the next look counts again" in words(open_page(RESULT, run=made.run, show=section))


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        (Estimate(0.5, 0.4, 0.6), "too extreme"),
        (Estimate(1.5, 1.2, 1.9), "too timid"),
        (Estimate(0.9, 0.7, 1.2), "neither shown"),
        (Estimate(None), "cannot be told"),
    ],
)
def test_a_slope_is_judged_by_its_interval(slope: Estimate, said: str) -> None:
    assert said in slope_sentence(slope)


def test_calibration_in_the_large_is_said_in_words() -> None:
    assert "too high" in intercept_sentence(Estimate(-1, -1.4, -0.5))
    assert "too low" in intercept_sentence(Estimate(1, 0.4, 1.5))
    assert "neither shown" in intercept_sentence(Estimate(0.1, -0.4, 0.5))


def test_the_calibration_error_is_said_with_what_right_ones_would_show() -> None:
    right = simulated_error(0.03, below=0.08)
    assert "That shows nothing" in right
    assert "right ones may seem off by up to 8.0 too" in right
    wrong = simulated_error(0.12, below=0.08)
    assert "more than 8.0 in only 1 of 20 data sets of as many images and patients" in wrong
    assert "no more than" not in wrong  # it is a bound that 1 in 20 goes beyond


def simulated_error(error: float, below: float) -> str:
    bins = pd.DataFrame()
    estimate = Estimate(error, max(error - 0.05, 0), error + 0.05)
    return error_sentence(Calibration(200, 20, bins, estimate, below, Estimate(0.2), ()))


def test_the_diagram_has_a_dot_with_its_interval_for_each_bin(made: Made) -> None:
    checked = calibration(load_predictions(made.workspace, made.run, "val"), resamples=50)
    dots = reliability_figure(checked.bins, "ill").data[1]
    assert list(dots.y) == checked.bins["observed"].to_list()
    assert dots.y + dots.error_y.array == pytest.approx(checked.bins["high"].to_numpy())
    assert f"{100 * checked.error.value:.1f} percentage points" in error_sentence(checked)


def test_groups_are_told_with_their_intervals(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Subgroups")
    assert app.selectbox[-2].options[:2] == ["age", "sex"]
    next(box for box in app.selectbox if box.label == "By").select("sex").run()
    table = next(table.value for table in app.dataframe if "Group" in table.value.columns)
    assert table["Group"].to_list() == ["F", "M"]
    part = load_manifest(made.workspace, made.data).part(Split.VALIDATION).table
    assert table["Images"].to_list() == part["sex"].value_counts().sort_index().to_list()
    assert table["AUROC (95 % interval)"].str.contains(" to ").all()
    assert "a mark is a reason to look" in words(app)


def test_failures_are_the_wrong_answers(made: Made, open_page: Open) -> None:
    answered = load_predictions(made.workspace, made.run, "val")
    wrong = int((answered.truth != answered.predicted).sum())
    app = open_page(RESULT, run=made.run, show="Failures")
    assert f"{wrong} images of {len(answered)} called wrongly" in words(app)
    assert not app.exception


def test_another_hospital_stands_beside_the_own_figures(
    made: Made, open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(RESULT, run=made.run, show="Other hospital")
    assert "no other data set in this workspace" in words(app)
    make_data(made.workspace, tmp_path / "other", name="other")
    asked = []

    def evaluate(
        place: Workspace, run: str, data: str, matching: dict, split: object, tell: Tell
    ) -> None:
        asked.append((data, matching, split))
        tell("Asking the network", 1, 2)
        manifest = load_manifest(place, data)
        said = answers(manifest, Split.TEST, seed=9)
        record = External(
            data=data, split="all", matching=matching, images=len(said), patients=20,
            left_out={}, own=3, epoch=1, weights_sha256="0", manifest_hash="0", split_hash="0",
            time="2026-01-02T03:04:05Z",
        )  # fmt: skip
        save_external(place.run(run), record, said)

    monkeypatch.setattr("medxfer.runs.external.evaluate_external", evaluate)
    press(app.run(), "Evaluate on other")
    classes = load_manifest(made.workspace, made.data).classes
    assert asked == [("other", {name: name for name in classes}, None)]
    table = next(table.value for table in app.dataframe if "There" in table.value.columns)
    assert set(table.columns) == {"Figure", "There", "Here (validation)", "Difference"}
    assert "3 images left out that the run's own data set holds" in words(app)
    assert "other: Test set opened once (this run: 1" in words(app)
    assert not app.exception
    theirs = make_run(made.workspace, "other")
    assert looks_at(made.workspace, "other", "0", "0", theirs).total == 1
    decide_temperature(made.workspace, made.run)
    app.run()
    assert "would be a new look at that test set" in words(app)
    assert not any("There" in table.value.columns for table in app.dataframe)
    press(app, "Look and count it")
    assert "other: Test set opened 2 times" in words(app)
    assert any("There" in table.value.columns for table in app.dataframe)
    assert not app.exception


def test_what_a_network_may_know_of_other_data_is_said(
    made: Made, open_page: Open, tmp_path: Path
) -> None:
    make_data(made.workspace, tmp_path / "other", name="other")
    manifest = load_manifest(made.workspace, "other")
    record = External(
        data="other", split="val", matching={}, images=48, patients=24, left_out={}, own=None,
        epoch=1, weights_sha256="0", manifest_hash=manifest.content_hash,
        split_hash=manifest.split_hash, time="2026-01-02T03:04:05Z", own_found=5,
        gap="run X, which it started from, is gone", same_patients=4,
    )  # fmt: skip
    said = answers(manifest, Split.VALIDATION, seed=9)
    save_external(made.workspace.run(made.run), record, said)
    app = open_page(RESULT, run=made.run, show="Other hospital")
    told = words(app).replace("\\", "")
    assert "could not be checked: run X, which it started from, is gone; 5 were found" in told
    assert "4 of the images have a patient id" in told
    assert "Look and count it" not in [button.label for button in app.button], "no test images"


def test_the_report_is_offered_and_opens_nothing(made: Made, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Report")
    assert "holds validation figures only" in words(app)
    assert looks(made.workspace, made.run).total == 0
    assert not app.exception


def test_two_runs_are_compared_on_the_same_images(made: Made, open_page: Open) -> None:
    assert "takes two trained runs" in words(open_page(COMPARE))
    second = make_run(made.workspace, seed=4)
    app = open_page(COMPARE, first=made.run, second=second)
    assert "difference shown" in words(app) or "is better" in words(app)
    table = next(table.value for table in app.dataframe if "Run A" in table.value.columns)
    assert table["A minus B (95 % interval)"].str.contains(" to ").all()
    assert "DeLong" in words(app)
    app.segmented_control[0].set_value(Split.TEST).run()
    assert "The test set is locked" in words(app)
    assert not app.dataframe
    for run in (made.run, second):
        open_test(made.workspace, run, "page")
    app.run()
    assert "Test set opened 2 times" in words(app)
    assert len(app.dataframe) == 1
    assert not app.exception
