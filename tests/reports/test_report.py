"""A report tells every number that the run recorded, no name, and fetches nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from parsed import Page
from recorded import FILE_WORD, PATIENT_WORD, Made, make, make_data, make_run

from medxfer import RESEARCH_USE_ONLY
from medxfer.audit.finding import Finding
from medxfer.audit.keeping import save_audit
from medxfer.audit.record import TABLES, Audit
from medxfer.data.corrections import Action, Correction
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import correct, load_manifest, resplit
from medxfer.data.manifest import Split
from medxfer.errors import DataError, RunError
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.intervals import estimates
from medxfer.evaluation.operating_point import Rule, choose
from medxfer.evaluation.severity import Severity
from medxfer.events import Started
from medxfer.paths import Workspace
from medxfer.reports.blocks import Document, Table, interval
from medxfer.reports.card import escaped, to_markdown
from medxfer.reports.document import report
from medxfer.reports.html import to_html
from medxfer.runs.decisions import (
    decide_operating_point,
    decide_temperature,
    decisions,
    judged,
    looks,
    open_test,
    validation,
)
from medxfer.runs.deleting import remove_dataset
from medxfer.runs.heatmaps import keep
from medxfer.runs.results import load_predictions
from medxfer.runs.store import create_run, load_run
from medxfer.runs.worth import Checks, OnMarks


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("reports")
    return make(Workspace.find(folder / "workspace"), folder / "source")


@pytest.fixture(scope="module")
def closed(made: Made) -> Document:
    """Before the test set was opened."""
    return report(made.workspace, made.run)


@pytest.fixture(scope="module")
def opened(made: Made, closed: Document) -> Document:
    """After decisions were made and the test set was opened under them."""
    place, run = made.workspace, made.run
    decide_temperature(place, run)
    decide_operating_point(place, run, choose(validation(place, run), Rule.SENSITIVITY, 0.9))
    open_test(place, run, "page")
    return report(place, run, columns=["age"])


def numbers_of(made: Made) -> list[str]:
    """What the run's events hold, as a report writes it."""
    loaded = load_run(made.workspace, made.run)
    (started,) = (event for event in loaded.events if isinstance(event, Started))
    told = [made.run, started.manifest_hash, started.split_hash, *started.versions.values()]
    told += [f"{started.parameters:,}", f"{started.phases[0].learning_parameters:,}"]
    told += [started.device, started.precision, started.weights, "1 min 23 s", "2.5", "0.000125"]
    for epoch in (1, 2, 3):
        told += [f"{value - 0.01 * epoch:.3f}" for value in (0.612345, 0.876543, 0.798765)]
    answers = judged(
        load_predictions(made.workspace, made.run, "val"), decisions(made.workspace, made.run)
    )
    return told + [interval(value) for value in estimates(answers).values()]


def test_every_number_that_was_recorded_is_told(made: Made, opened: Document) -> None:
    page, card = Page(to_html(opened)).text, to_markdown(opened)
    settings = load_run(made.workspace, made.run).config
    for part in [*numbers_of(made), "a first try", str(settings.head.hidden), "60", "48", "40"]:
        assert part in page, part
        assert escaped(part) in card, part
    for word in (RESEARCH_USE_ONLY, "Sensitivity", "empty file", "temperature", "60-79"):
        assert word.casefold() in page.casefold()
    test = judged(
        load_predictions(made.workspace, made.run, Split.TEST),
        decisions(made.workspace, made.run),
    )
    for value in estimates(test).values():
        assert interval(value) in page


def test_no_test_figure_before_the_test_set_was_opened(made: Made, closed: Document) -> None:
    assert "Test set opened" not in to_html(closed)
    assert "Test set not opened yet" in to_html(closed)
    text = to_html(closed)
    for split, there in ((Split.TEST, False), (Split.VALIDATION, True)):
        figures = estimates(load_predictions(made.workspace, made.run, split))
        told = [interval(figures[name]) in text for name in ("auroc", "brier", "log_loss")]
        assert told == [there] * 3, split


def test_test_figures_stand_beside_their_count(made: Made, opened: Document) -> None:
    sentence = looks(made.workspace, made.run).sentence
    assert sentence.startswith("Test set opened once")
    assert to_html(opened).count(sentence) >= 7
    sections = {section.key: section for section in opened.sections}
    for key in ("results", "calibration", "subgroups", "failures", "operating"):
        assert sentence in str(sections[key].blocks[0]), key


def test_a_later_decision_closes_the_test_set_again(made: Made, tmp_path: Path) -> None:
    run = make_run(made.workspace, made.data, seed=4)
    open_test(made.workspace, run, "page")
    decide_temperature(made.workspace, run)
    content = report(made.workspace, run)
    text = to_html(content)
    assert "not opened under the temperature and threshold now in force" in text
    figures = estimates(load_predictions(made.workspace, run, Split.TEST))
    assert interval(figures["auroc"]) not in text


@pytest.mark.parametrize("write", [to_html, to_markdown])
def test_no_file_and_no_patient_is_named(
    made: Made, opened: Document, write: Callable[[Document], str]
) -> None:
    text = unescape(write(opened)).casefold()
    table = load_manifest(made.workspace, made.data).table
    assert FILE_WORD.casefold() not in text
    assert PATIENT_WORD.casefold() not in text
    assert "empty.png" not in text
    assert ".png" not in text
    assert str(made.workspace.root).casefold() not in text
    assert any(image in text for image in table["image"]), "failures are named by image id"


def test_the_page_is_whole_fetches_nothing_and_escapes(opened: Document) -> None:
    text = to_html(opened)
    page = Page(text)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    links = [value for _, name, value in page.attributes if name in ("href", "src", "xlink:href")]
    assert links
    assert all(link.startswith("#") and link[1:] in page.ids for link in links)
    assert not re.search(r"https?:|url\(|@import|<script|<img|<iframe|\bon\w+=", text)
    policy = [value for tag, name, value in page.attributes if (tag, name) == ("meta", "content")]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy
    assert "<b>ill" not in text
    assert "<b>ill & 'so'</b>" in page.text


def test_tables_and_charts_can_be_read_without_seeing_them(opened: Document) -> None:
    text = to_html(opened)
    tables = re.findall(r"<table.*?</table>", text, flags=re.DOTALL)
    assert len(tables) > 15
    for table in tables:
        assert "<caption>" in table
        assert 'scope="row"' in table or "none</td>" in table
    charts = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(charts) >= 7
    for chart in charts:
        assert "aria-labelledby" in chart
        assert re.search(r"<title id=\"\w+\">[^<]+</title><desc id=\"\w+\">[^<]+</desc>", chart)
        assert "nan" not in chart


def test_a_card_keeps_its_tables_in_shape(opened: Document) -> None:
    lines = to_markdown(opened).splitlines()
    for line, after in pairwise(lines):
        if line.startswith("|") and after.startswith("|"):
            cells = [len(re.findall(r"(?<!\\)\|", row)) for row in (line, after)]
            assert cells[0] == cells[1], (line, after)
    assert "<b>" not in "\n".join(lines).replace("\\<b\\>", "")


def test_both_checklists_are_whole_and_honest(closed: Document, opened: Document) -> None:
    claim, tripod = (block for block in opened.sections[-1].blocks if isinstance(block, Table))
    assert [row[0] for row in claim.rows] == [str(number) for number in range(1, 45)]
    numbers = {re.sub(r"\D", "", row[0]) for row in tripod.rows}
    assert numbers == {str(number) for number in range(1, 28)}
    assert len(tripod.rows) == 52
    answers = {row[0]: row[2] for row in claim.rows}
    assert answers["44"] == answers["33"] == "for the author"
    titles = {str(n): section.key for n, section in enumerate(opened.sections, start=1)}
    assert titles[answers["20"].removeprefix("Section ")] == "split"
    assert titles[answers["23"].removeprefix("Section ")] == "origin"


def heatmaps(split: Split, last: Estimate) -> Checks:
    """Checks of the run's heatmaps with a reason that names a file."""
    whole = Estimate(0.5, 0.25, 0.75)
    marks = OnMarks(
        marked=9, pictures=8, patients=7, unseen=0, blank=0, unusable=1,
        reason=f"The mask {FILE_WORD}001-0.png is 3 × 3 pixels.", area=0.1, pointing=whole,
        centre_pointing=Estimate(0.0, 0.0, 0.3), pointing_gain=whole, energy=whole,
        centre_energy=whole, energy_gain=Estimate(0.0, -0.1, 0.1),
    )  # fmt: skip
    return Checks(
        weights_sha256="c0ffee" * 10, marks_sha256="", split=split, method="layercam",
        stage="layer4", pictures=8, likeness={"head": Estimate(0.8765, 0.6, 1.0), "stem": last},
        marks=marks,
    )  # fmt: skip


def test_checks_of_heatmaps_are_told_where_they_were_made(tmp_path: Path) -> None:
    alone = make(Workspace.find(tmp_path / "alone"), tmp_path / "source")
    place, run = alone.workspace, alone.run

    def explainability(content: Document) -> str:
        claim = next(block for block in content.sections[-1].blocks if isinstance(block, Table))
        return next(row[2] for row in claim.rows if row[0] == "31")

    without = report(place, run)
    assert "heatmaps" not in [section.key for section in without.sections]
    assert explainability(without) == "for the author"
    keep(place, run, heatmaps(Split.VALIDATION, Estimate(0.1, 0.0, 0.2)))
    keep(place, run, heatmaps(Split.TEST, Estimate(0.9, 0.8111, 0.9)))
    content = report(place, run)
    keys = [section.key for section in content.sections]
    number = keys.index("heatmaps") + 1
    assert explainability(content) == (
        f"Section {number}; for the author: what was concluded from heatmaps"
    )
    for text in (Page(to_html(content)).text, to_markdown(content).replace("\\", "")):
        assert "The heatmaps depend on what the network learned" in text
        assert "0.88 (0.60 to 1.00)" in text
        assert "50 % (25 to 75 %) of 8 images" in text
        assert "Layer-CAM at layer4, on validation images" in text
        assert "Marked images that could not be used: 1" in text
        assert FILE_WORD not in text
        assert "0.81" not in text, "of the test part, which is closed"
    open_test(place, run, "page")
    text = Page(to_html(report(place, run))).text
    assert "0.90 (0.81 to 0.90)" in text
    assert "hardly depend on what the network learned, so do not go by them" in text
    assert looks(place, run).sentence in text.split("Layer-CAM at layer4, on test images")[1]
    # Of other weights they say nothing.
    (place.run(run).checkpoints / "best.json").write_text('{"epoch": 1, "sha256": "0"}')
    assert "heatmaps" not in [section.key for section in report(place, run).sections]


def test_a_run_whose_data_set_changed_still_has_a_report(made: Made, tmp_path: Path) -> None:
    alone = make(Workspace.find(tmp_path / "alone"), tmp_path / "source")
    resplit(alone.workspace, alone.data, keep_given=False, seed=1)
    text = to_html(report(alone.workspace, alone.run))
    assert "no longer the one this run was trained on" in text
    assert "was deleted on" not in text
    remove_dataset(alone.workspace, alone.data, by="ann@clinic.example", for_good=True)
    text = Page(to_html(report(alone.workspace, alone.run))).text
    assert "no longer there" in text
    assert f"The data set was deleted on {datetime.now(UTC):%Y-%m-%d}." in text
    assert "48" in text


def test_the_audit_and_what_people_decided_are_told(tmp_path: Path) -> None:
    place, folder = Workspace.find(tmp_path / "audited"), tmp_path / "source"
    data = make_data(place, folder)
    images = load_manifest(place, data).table["image"]
    correct(place, data, Correction(
        action=Action.EXCLUDE, images=(images[0], images[1]), reason=f"{PATIENT_WORD}1 is a knee",
    ))  # fmt: skip
    run = make_run(place, data)
    assert "not audited" in to_html(report(place, run))
    manifest = load_manifest(place, data)
    tables = {name: pd.DataFrame({"image": []}) for name in TABLES}
    save_audit(place.dataset(data), Audit(
        dataset=data, manifest_hash=manifest.content_hash, split_hash=manifest.split_hash,
        created=datetime.now(UTC), seconds=1.0, images=148, checked=("exact copies",),
        not_checked={"near copies": "no time"}, left_out={}, note="", tables=tables,
        found=(Finding("duplicates", Severity.BLOCKING,
                       f"7 pictures ({FILE_WORD}001-0.png, …) are on both sides.", "Drop them."),),
    ))  # fmt: skip
    content = report(place, run)
    text = Page(to_html(content)).text
    assert "would not be trustworthy" in text
    assert "7 pictures" in text
    assert "Not checked: near copies (no time)" in text
    assert "is a knee" in text
    assert "Excluded by a person, see below 2" in text
    for name in (FILE_WORD, PATIENT_WORD):
        assert name.casefold() not in text.casefold()
    # The audit of another state of the data says nothing about this run.
    correct(place, data, Correction(action=Action.EXCLUDE, images=(images[2],), reason="a foot"))
    assert "would not be trustworthy" not in to_html(report(place, run))


def test_every_decision_that_people_make_is_told(tmp_path: Path) -> None:
    place = Workspace.find(tmp_path / "decided")
    data = make_data(place, tmp_path / "source")
    manifest = load_manifest(place, data)
    images, label = manifest.table["image"], manifest.classes[0]
    other = images[manifest.table["label"] != label].iloc[0]
    given = {
        Action.EXCLUDE: {"images": (images[0], images[1])},
        Action.INCLUDE: {"images": (images[0],)},
        Action.RELABEL: {"images": (other,), "label": label},
        Action.MOVE: {"images": (images[4],), "split": "val"},
        Action.ONE_SIDE: {"images": (images[6], images.iloc[-1])},
        Action.KEEP: {"images": (images[8], images[10])},
        Action.UNDO: {"undoes": 1},
    }
    for action in Action:
        made = {"action": action, "reason": f"because of {action}", **given[action]}
        correct(place, data, Correction.model_validate(made))
    text = Page(to_html(report(place, make_run(place, data)))).text
    for action in Action:  # what was undone, and the undoing, no longer count
        told = f"because of {action}" in text
        assert told is (action not in (Action.EXCLUDE, Action.UNDO)), action
    for words in (f"relabelled as {label}", "used again", "moved to another part",
                  "put on one side", "looked at and kept as it is"):  # fmt: skip
        assert words in text


def test_a_column_that_cannot_be_grouped_is_named_with_the_reason(tmp_path: Path) -> None:
    place, folder = Workspace.find(tmp_path / "odd"), tmp_path / "source"
    make_data(place, folder)
    table = pd.read_csv(folder / "table.csv", dtype=str)
    table["age"] = ["old", *(str(18 + n) for n in range(len(table) - 1))]
    table.to_csv(folder / "table.csv", index=False)
    data = import_source(place, folder / "table.csv", ImportOptions(name="odd")).name
    text = Page(to_html(report(place, make_run(place, data)))).text
    assert "Not told by group: The column 'age' has" in text
    assert "and 1 of them are no numbers" in text
    assert "Not told by group: The column 'sex'" not in text


def test_what_has_no_report_says_why(made: Made) -> None:
    waiting, _ = create_run(made.workspace, load_run(made.workspace, made.run).config)
    with pytest.raises(RunError, match="not ended"):
        report(made.workspace, waiting)
    with pytest.raises(DataError, match="no further column 'shoe size'"):
        report(made.workspace, made.run, columns=["shoe size"])


def test_reports_do_not_pay_for_torch_or_streamlit() -> None:
    code = (
        "import sys, medxfer.reports.document, medxfer.reports.html, medxfer.reports.card\n"
        "sys.exit(bool({'torch', 'streamlit'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
