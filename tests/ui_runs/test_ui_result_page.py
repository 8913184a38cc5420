"""The page of a result: figures, cells of the confusion matrix, downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO

import pandas as pd
import pytest
import streamlit as st
from run_cases import add_run, completed, learned, predictions, select, words
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Dataframe

from medxfer import RESEARCH_USE_ONLY
from medxfer.data.library import load_manifest, resplit
from medxfer.data.manifest import Split
from medxfer.evaluation.intervals import estimates
from medxfer.evaluation.operating_point import Rule, choose
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Event, Failed, Stopped
from medxfer.paths import Workspace
from medxfer.reports.exports import table_csv
from medxfer.reports.stamp import stamp
from medxfer.runs.decisions import (
    decide_operating_point,
    decisions,
    looks,
    open_test,
    validation,
)
from medxfer.runs.results import saved_splits
from medxfer.runs.store import load_run
from medxfer.ui.results.downloads import figures, tables
from medxfer.ui.results.figures import LABELS, meaning
from medxfer.ui.results.judging import Result
from medxfer.ui.results.matrix import confusion_figure, confusion_table
from medxfer.ui.runs.live import EventTail

RESULT = "pages/results/result.py"
Open = Callable[..., AppTest]


def shown(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def _dialog() -> None:
    from medxfer.runs.store import list_runs
    from medxfer.ui.results.lock import confirm_opening
    from medxfer.ui.workspace import workspace

    confirm_opening(workspace(), (list_runs(workspace())[0].run,))


def open_by_dialog() -> None:
    """Press the dialog's button; AppTest has no fragment runs, so the dialog stands alone."""
    press(AppTest.from_function(_dialog, default_timeout=30).run(), "Open and count it")


def matrix_table(app: AppTest) -> Dataframe:
    return next(table for table in app.dataframe if table.value.index.name)


def test_without_a_model_the_page_says_what_to_do(open_page: Open) -> None:
    app = open_page(RESULT)
    assert "no trained model yet" in words(app)
    assert RESEARCH_USE_ONLY in words(app)


def test_a_run_still_training_is_a_sentence(home: Workspace, open_page: Open) -> None:
    app = open_page(RESULT, run=add_run(home, []))
    assert "has not begun yet" in words(app)


def test_headline_figures_come_with_their_n(finished_run: str, open_page: Open) -> None:
    app = open_page(RESULT, run=finished_run)
    # 4 of 6 NORMAL and 5 of 6 PNEUMONIA are right.
    assert shown(app)["Sensitivity"] == f"{5 / 6:.3f}"
    assert shown(app)["Specificity"] == f"{4 / 6:.3f}"
    assert shown(app)["Accuracy"] == "0.750"
    assert "12 images. Positive class" in words(app)
    assert RESEARCH_USE_ONLY in words(app)
    assert "The test set is locked" not in words(app)


def test_every_headline_figure_has_its_interval(finished_run: str, open_page: Open) -> None:
    app = open_page(RESULT, run=finished_run)
    expected = estimates(predictions())
    for name in ("auroc", "sensitivity", "specificity", "accuracy"):
        metric = next(metric for metric in app.metric if metric.label == LABELS[name])
        assert metric.delta == f"{expected[name].low:.3f} to {expected[name].high:.3f}"
    by_class = next(table.value for table in app.dataframe if "Precision" in table.value.columns)
    assert by_class["Images"].to_list() == [6, 6]
    assert by_class["Sensitivity"].str.contains(r"0\.\d{3} \(0\.\d{3} to ").all()


def test_fewer_patients_than_images_are_said(home: Workspace, open_page: Open) -> None:
    run = add_run(home, completed())
    predictions(patients=5).save(home.run(run).predictions("val"))
    assert "12 images of 5 patients. Positive class" in words(open_page(RESULT, run=run))


@pytest.mark.parametrize("name", ["auroc", "f1", "average_precision", "brier"])
def test_a_figure_over_several_classes_says_how_they_were_joined(name: str) -> None:
    assert "class" in meaning(name, 3)
    assert meaning(name, 3) != meaning(name, 2)
    assert "the finding" not in meaning(name, 3)


@pytest.mark.parametrize(
    "ending", [[], [Failed(problem="The disk is full.")], [Stopped(seconds=9)]]
)
def test_a_run_that_ended_early_is_evaluated_when_asked(
    home: Workspace, open_page: Open, monkeypatch: pytest.MonkeyPatch, ending: list[Event]
) -> None:
    run = add_run(home, [*learned(), *ending])
    monkeypatch.setattr(
        "medxfer.runs.evaluate.evaluated",
        lambda place, run, split, _: predictions(split).save(place.run(run).predictions(split)),
    )
    app = open_page(RESULT, run=run, split="test")
    assert "Predictions were not made, since the run ended early" in words(app)
    assert "Accuracy" not in shown(app)
    press(app, "Evaluate it now")
    assert "Accuracy" not in shown(app)
    assert "The test set is locked" in words(app)
    open_by_dialog()
    assert shown(app.run())["Accuracy"] == "0.750"
    assert saved_splits(home, run) == ["test"]
    assert not app.exception


def test_the_test_set_is_locked_until_it_is_opened_on_purpose(
    home: Workspace, finished_run: str, open_page: Open
) -> None:
    app = open_page(RESULT, run=finished_run, split="test")
    assert "The test set is locked" in words(app)
    assert "Test set not opened yet" in words(app)
    assert not app.metric
    assert not app.dataframe
    press(app, "Open the test set")
    assert "The look is counted and dated" in words(app)
    assert not app.metric
    assert looks(home, finished_run).total == 0
    open_by_dialog()
    assert shown(app.run())["Accuracy"] == "0.750"
    assert "Test set opened once (this run: 1, first on" in words(app)
    assert looks(home, finished_run).total == 1
    # Looking again is no new look, as long as nothing was decided anew.
    assert shown(open_page(RESULT, run=finished_run, split="test"))["Accuracy"] == "0.750"
    assert looks(home, finished_run).total == 1


def test_a_new_decision_locks_the_test_set_again(
    home: Workspace, finished_run: str, open_page: Open
) -> None:
    open_test(home, finished_run, "page")
    point = choose(validation(home, finished_run), Rule.THRESHOLD, 0.3)
    decide_operating_point(home, finished_run, point)
    app = open_page(RESULT, run=finished_run, split="test")
    assert "another threshold or temperature" in words(app)
    assert not app.metric
    open_by_dialog()
    app.run()
    assert "Test set opened 2 times (this run: 2" in words(app)
    assert "Seen with threshold 0.300" in words(app)


def test_a_damaged_record_of_another_run_blocks_test_and_not_validation(
    home: Workspace, finished_run: str, open_page: Open
) -> None:
    open_test(home, finished_run, "page")
    other = add_run(home, completed())
    home.run(other).decisions.write_bytes(b"nonsense\n")
    app = open_page(RESULT, run=finished_run)
    assert shown(app)["Accuracy"] == "0.750"
    assert "How often the test set was opened is not known" in words(app)
    assert "damaged" in words(app)
    app = open_page(RESULT, run=finished_run, split="test")
    assert not app.metric
    assert "Without the count no test figure is shown" in app.warning[0].value
    assert not app.exception
    apart = add_run(home, completed(), data="others")
    home.run(apart).events.write_text(
        home.run(apart).events.read_text().replace("0" * 64, "9" * 64)
    )
    predictions().save(home.run(apart).predictions("val"))
    assert "How often the test set was opened" not in words(open_page(RESULT, run=apart))


def test_an_undefined_figure_says_why(home: Workspace, open_page: Open) -> None:
    run = add_run(home, completed())
    predictions("val", truth=[0] * 12).save(home.run(run).predictions("val"))
    app = open_page(RESULT, run=run)
    assert shown(app)["AUROC"] == "not defined"
    assert shown(app)["Sensitivity"] == "not defined"
    assert "no “PNEUMONIA” case" in words(app)
    assert not app.exception


def test_the_keyboard_way_opens_a_cell(finished_run: str, open_page: Open) -> None:
    app = open_page(RESULT, run=finished_run, show="Confusion")
    select(app, matrix_table(app), cells=[(0, "PNEUMONIA")])
    assert app.query_params["cell"] == "0-1"
    assert "NORMAL, called PNEUMONIA: 2 images" in words(app)


def test_a_cell_is_closed_and_opened_again(finished_run: str, open_page: Open) -> None:
    app = open_page(RESULT, run=finished_run, cell="1-0")
    assert "PNEUMONIA, called NORMAL: 1 image" in words(app)
    press(app, "Close")
    assert "cell" not in app.query_params
    select(app, matrix_table(app), cells=[(1, "NORMAL")])
    assert "PNEUMONIA, called NORMAL: 1 image" in words(app)


def test_images_whose_data_set_is_gone_are_listed(finished_run: str, open_page: Open) -> None:
    app = open_page(RESULT, run=finished_run, cell="0-1")
    assert "There is no data set called" in words(app)
    assert any("prediction" in table.value.columns for table in app.dataframe)


def test_images_of_a_cell_are_shown(home: Workspace, small_data: str, open_page: Open) -> None:
    manifest = load_manifest(home, small_data)
    run = add_run(home, completed(manifest), data=small_data)
    made = predictions()
    facts = made.facts.assign(image=manifest.table["image"].iloc[:12].to_list())
    made = Predictions(made.classes, facts, made.truth, made.logits)
    made.save(home.run(run).predictions("val"))
    app = open_page(RESULT, run=run, cell="0-1")
    assert "Open an image to see its heatmap" in words(app)
    assert "can no longer be shown" not in words(app)
    assert not app.exception


def test_images_of_a_data_set_divided_anew_are_only_listed(
    home: Workspace, small_data: str, open_page: Open
) -> None:
    run = add_run(home, completed(load_manifest(home, small_data)), data=small_data)
    predictions().save(home.run(run).predictions("val"))
    resplit(home, small_data, keep_given=False)
    app = open_page(RESULT, run=run, cell="0-1")
    assert "no longer the one that run" in words(app)
    assert any("prediction" in table.value.columns for table in app.dataframe)


def test_a_cell_that_does_not_exist_is_no_cell(finished_run: str, open_page: Open) -> None:
    app = open_page(RESULT, run=finished_run, cell="7-9")
    assert not app.exception
    assert "called PNEUMONIA:" not in words(app)


def test_the_figure_has_a_square_to_click_in_every_cell() -> None:
    made = confusion_figure(pd.DataFrame([[4, 2], [1, 5]]).to_numpy(), ("a", "<b>"), False, None)
    assert [tuple(cell) for cell in made.data[1].customdata] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert "<b>" not in made.layout.xaxis.ticktext[1]


def test_by_row_a_class_without_images_is_a_dash() -> None:
    table = confusion_table(pd.DataFrame([[3, 1], [0, 0]]).to_numpy(), ("a", "b"), True)
    assert table.to_numpy().tolist() == [["75.0 %", "25.0 %"], ["–", "–"]]


def result(home: Workspace, run: str, answers: Predictions) -> Result:
    decided, seen = decisions(home, run), looks(home, run)
    key = (run, 0, 0, decided.fingerprint)
    summary = load_run(home, run).summary
    return Result(home, summary, Split.VALIDATION, decided, seen, answers, key)


def offered(home: Workspace, run: str) -> Iterator[tuple[str, pd.DataFrame]]:
    live = EventTail(home.run(run).events).read()
    for title, make in tables(result(home, run, predictions()), live).items():
        yield title, make()


def test_every_table_is_a_csv_with_the_research_use_line(
    home: Workspace, finished_run: str
) -> None:
    mark = stamp(load_run(home, finished_run).summary)
    for title, table in offered(home, finished_run):
        text = table_csv(table, mark)
        assert RESEARCH_USE_ONLY in text, title
        assert len(pd.read_csv(StringIO(text), comment="#")) == len(table), title


@pytest.mark.parametrize("truth", [None, [0] * 12])
def test_every_figure_can_be_made(
    home: Workspace, finished_run: str, truth: list[int] | None
) -> None:
    live = EventTail(home.run(finished_run).events).read()
    st.cache_resource.clear()
    for make in figures(result(home, finished_run, predictions("val", truth)), live).values():
        assert make().to_dict()["layout"]
