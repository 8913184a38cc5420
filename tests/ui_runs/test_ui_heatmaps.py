"""The section "Heatmaps" of a result, and the contact sheet of a confusion-matrix cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from marked import NAME, MarkedRun, make_marked
from run_cases import words
from streamlit.testing.v1 import AppTest

from medxfer.data.library import delete_dataset, load_manifest
from medxfer.data.manifest import Split
from medxfer.evaluation.estimate import Estimate
from medxfer.paths import Workspace
from medxfer.reports.blocks import interval
from medxfer.runs import checking
from medxfer.runs.decisions import decisions, looks, open_test
from medxfer.runs.heatmaps import kept, maps_needed, seconds
from medxfer.runs.overview import mean_of_class, sheet_of_cell
from medxfer.runs.results import load_predictions
from medxfer.runs.store import load_run
from medxfer.runs.worth import ALIKE, Checks
from medxfer.ui.results.asking import remembered
from medxfer.ui.results.judging import result_of
from medxfer.ui.results.likeness import likeness_figure, likeness_table
from medxfer.ui.words import duration

RESULT = "pages/results/result.py"
Open = Callable[..., AppTest]


@pytest.fixture
def made(home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MarkedRun:
    monkeypatch.setattr(checking, "DESTROYED", 2)
    return make_marked(home, tmp_path / "source")


def button(app: AppTest, label: str) -> object:
    return next(each for each in app.button if each.label.startswith(label))


def labels(app: AppTest) -> list[str]:
    return [each.label for each in app.button]


def test_the_checks_are_offered_with_their_time_made_and_told(
    made: MarkedRun, open_page: Open
) -> None:
    app = open_page(RESULT, run=made.run, show="Heatmaps")
    maps = maps_needed(load_manifest(made.workspace, NAME), Split.VALIDATION)
    takes = duration(seconds(maps, 18))
    assert f"Check this run's heatmaps (about {takes})" in labels(app)
    assert kept(made.workspace, made.run, Split.VALIDATION) is None
    button(app, "Check this run").click().run(timeout=120)
    assert not app.exception
    found = kept(made.workspace, made.run, Split.VALIDATION)
    assert found is not None
    assert found.marks is not None
    said = words(app).replace("\\", "")
    assert all(sentence in said for sentence in found.sentences)
    assert "Adebayo et al. 2018" in said
    assert not [label for label in labels(app) if label.startswith("Check this run")]
    tables = [table.value for table in app.dataframe]
    likeness = next(table for table in tables if "Weights made random" in table.columns)
    assert likeness["Weights made random"].to_list()[:2] == ["head", "head to layer4"]
    on_marks = next(table for table in tables if "Centre" in table.columns)
    assert on_marks["Heatmaps"].to_list() == [
        interval(found.marks.pointing, 2), interval(found.marks.energy, 2)
    ]  # fmt: skip


def test_the_test_set_keeps_its_lock(made: MarkedRun, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, split="test", show="Heatmaps")
    assert "The test set is locked" in words(app)
    assert not [label for label in labels(app) if "heatmap" in label.lower()]
    assert looks(made.workspace, made.run).total == 0
    open_test(made.workspace, made.run, "page")
    app = open_page(RESULT, run=made.run, split="test", show="Heatmaps")
    assert [label for label in labels(app) if label.startswith("Check this run")]
    assert "On test images" in words(app)


def test_without_the_data_set_the_kept_checks_are_still_told(
    made: MarkedRun, open_page: Open
) -> None:
    checking.checked(made.workspace, made.run)
    found = kept(made.workspace, made.run, Split.VALIDATION)
    assert found is not None
    delete_dataset(made.workspace, NAME)
    app = open_page(RESULT, run=made.run, show="Heatmaps")
    assert "There is no data set called" in app.warning[0].value
    assert found.sentences[0] in words(app).replace("\\", "")
    assert not [label for label in labels(app) if "heatmap" in label]
    assert not app.exception


def test_a_mean_map_is_made_when_asked_for(made: MarkedRun, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, show="Heatmaps")
    button(app, "Make the mean heatmap").click().run(timeout=120)
    assert not app.exception
    cls = next(box.value for box in app.selectbox if box.label == "Class")
    expected = mean_of_class(made.workspace, made.run, cls)
    said = words(app).replace("\\", "")
    assert expected.sentence in said
    assert expected.caption(Split.VALIDATION) in said
    assert not [label for label in labels(app) if label.startswith("Make the mean")]
    assert [each.label for each in app.get("download_button")] == ["Download it (PNG)"]
    other = next(each for each in app.segmented_control if "that belong to it" in each.options)
    other.set_value("that were called it").run()
    assert expected.sentence not in words(app).replace("\\", ""), "of other images"
    assert [label for label in labels(app) if label.startswith("Make the mean")]


def test_a_cell_becomes_a_contact_sheet(made: MarkedRun, open_page: Open) -> None:
    app = open_page(RESULT, run=made.run, cell="0-0")
    button(app, "Contact sheet with heatmaps").click().run(timeout=120)
    assert not app.exception
    expected = sheet_of_cell(made.workspace, made.run, 0, 0)
    assert expected.caption(Split.VALIDATION) in words(app).replace("\\", "")
    assert "Contact sheet with heatmaps" not in labels(app)
    decided = decisions(made.workspace, made.run)
    seen, summary = looks(made.workspace, made.run), load_run(made.workspace, made.run).summary
    result = result_of(made.workspace, summary, Split.VALIDATION, decided, seen)
    (shown,) = remembered(("sheet", *result.answers, 0, 0))
    assert (shown.pixels == expected.pixels).all()
    assert "Download the sheet (PNG)" in [each.label for each in app.get("download_button")]
    app = open_page(RESULT, run=made.run, cell="1-1")
    assert "Contact sheet with heatmaps" in labels(app), "of another cell there is none yet"


def test_an_empty_cell_offers_no_sheet(made: MarkedRun, open_page: Open) -> None:
    answers = load_predictions(made.workspace, made.run, "val")
    answers.only(answers.truth == answers.predicted).save(
        made.workspace.run(made.run).predictions("val")
    )
    app = open_page(RESULT, run=made.run, cell="0-1")
    assert "No image is in this cell" in words(app)
    assert "Contact sheet with heatmaps" not in labels(app)


def test_a_sheet_that_cannot_be_made_says_why(made: MarkedRun, open_page: Open) -> None:
    delete_dataset(made.workspace, NAME)
    app = open_page(RESULT, run=made.run, cell="0-0")
    button(app, "Contact sheet with heatmaps").click().run(timeout=120)
    assert any("There is no data set called" in warning.value for warning in app.warning)
    assert not app.exception


def checks() -> Checks:
    return Checks(
        weights_sha256="0", marks_sha256="", split=Split.VALIDATION, method="gradcam",
        stage="layer4", pictures=8, marks=None,
        likeness={"head": Estimate(0.9, 0.8, 1.0), "layer4": Estimate(-0.4, -0.6, -0.2),
                  "stem": Estimate(0.1)},
    )  # fmt: skip


def test_the_figure_starts_at_the_real_maps_and_shows_every_interval() -> None:
    figure = likeness_figure(checks())
    (line,) = figure.data
    assert list(line.x) == ["none", "head", "head to layer4", "head to stem (all)"]
    assert list(line.y) == [1.0, 0.9, -0.4, 0.1]
    assert list(line.error_y.array) == pytest.approx([0, 0.1, 0.2, 0])
    assert list(line.error_y.arrayminus) == pytest.approx([0, 0.1, 0.2, 0])
    assert figure.layout.yaxis.range[0] < -0.6
    assert figure.layout.shapes[0].y0 == ALIKE
    assert "−1 to 1" in figure.layout.yaxis.title.text
    assert likeness_table(checks())["Likeness (95 % interval)"].to_list() == [
        "0.90 (0.80 to 1.00)", "-0.40 (-0.60 to -0.20)", "0.10"
    ]  # fmt: skip
