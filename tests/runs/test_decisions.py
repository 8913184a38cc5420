"""Decisions are summed from their lines; looks at the test set are counted once and for all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from recorded import Made, answers, make, make_data, make_run

from medxfer.data.library import delete_dataset, load_manifest, resplit
from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError, RunError
from medxfer.evaluation.conformal import conformal
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.operating_point import Rule, choose
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.temperature import fit_temperature
from medxfer.evaluation.uncertain import uncertain_band
from medxfer.paths import Workspace
from medxfer.runs import decision_log
from medxfer.runs.comparing import side_by_side
from medxfer.runs.decided import moved
from medxfer.runs.decision_log import PointLine, TemperatureLine
from medxfer.runs.decisions import (
    Decisions,
    decide_band,
    decide_operating_point,
    decide_sets,
    decide_temperature,
    decisions,
    judged,
    looks,
    looks_at,
    open_elsewhere,
    open_test,
    openings_of_data,
    temper_after_training,
    validation,
)
from medxfer.runs.external_record import External, save_external
from medxfer.runs.results import load_predictions
from medxfer.runs.store import delete_run


@pytest.fixture
def made(workspace: Workspace, tmp_path: Path) -> Made:
    return make(workspace, tmp_path / "source")


def test_nothing_is_decided_at_first(made: Made) -> None:
    decided = decisions(made.workspace, made.run)
    assert decided == Decisions()
    assert (decided.divisor, decided.threshold, decided.is_open) == (1.0, None, False)
    assert looks(made.workspace, made.run).sentence == "Test set not opened yet"
    answers = load_predictions(made.workspace, made.run, Split.VALIDATION)
    assert judged(answers, decided).predicted.tolist() == answers.predicted.tolist()


def test_a_look_is_counted_once_under_the_same_decisions(made: Made) -> None:
    place, run = made.workspace, made.run
    first = open_test(place, run, "page")
    assert first.is_open
    assert open_test(place, run, "command line") == first
    assert looks(place, run).total == 1

    decided = decide_temperature(place, run)
    assert not decided.is_open
    open_test(place, run, "page")
    assert looks(place, run).total == 2

    point = choose(validation(place, run), Rule.YOUDEN)
    assert not decide_operating_point(place, run, point).is_open
    assert open_test(place, run, "page").is_open
    assert looks(place, run).total == 3

    decide_operating_point(place, run, None)
    assert open_test(place, run, "page").is_open, "this was seen before"
    seen = looks(place, run)
    assert (seen.total, seen.this_run) == (3, 3)
    stamp = f"{first.openings[0].time:%Y-%m-%d %H:%M} UTC"
    assert seen.sentence == f"Test set opened 3 times (this run: 3, first on {stamp})"


def test_looks_at_other_runs_of_the_same_data_and_split_count_too(
    made: Made, tmp_path: Path
) -> None:
    place = made.workspace
    other = make_run(place, made.data, seed=1)
    open_test(place, other, "page")
    assert looks(place, made.run).sentence == "Test set opened once (this run: never)"
    open_test(place, made.run, "page")
    found = openings_of_data(place, made.data)
    assert [look.run for look in found] == [other, made.run]
    assert [str(look.by) for look in found] == ["page", "page"]
    assert openings_of_data(place, "another") == []
    again = make_data(place, tmp_path / "again", "other name")
    same = make_run(place, again)
    assert looks(place, same).total == 2, "the same images under another name"


def test_a_new_split_is_a_new_test_set_but_the_looks_before_are_told(made: Made) -> None:
    place = made.workspace
    open_test(place, made.run, "page")
    resplit(place, made.data, keep_given=False, seed=3)
    later = looks(place, make_run(place, made.data))
    assert (later.total, later.other_splits) == (0, 1)
    assert later.sentence == ("Test set not opened yet; 1 more under other splits of this data set")
    assert (looks(place, made.run).total, looks(place, made.run).other_splits) == (1, 0)


def test_deleting_a_run_or_its_data_set_undoes_no_look(made: Made) -> None:
    place = made.workspace
    other = make_run(place, made.data, seed=1)
    open_test(place, other, "page")
    delete_run(place, other)
    assert looks(place, made.run).total == 1
    open_test(place, made.run, "page")
    delete_dataset(place, made.data)
    assert looks(place, made.run).total == 2
    delete_run(place, made.run)
    assert len(decision_log.openings(place.openings)) == 2


def test_two_processes_that_open_at_once_are_one_look(made: Made) -> None:
    code = (
        "import sys; from pathlib import Path; from medxfer.paths import Workspace\n"
        "from medxfer.runs.decisions import open_test, decide_operating_point\n"
        "place, run = Workspace(Path(sys.argv[1])), sys.argv[2]\n"
        "input()\n"
        "[decide_operating_point(place, run, None) for _ in range(10)]\n"
        "open_test(place, run, 'page')\n"
    )
    root = str(made.workspace.root)
    children = [
        subprocess.Popen([sys.executable, "-c", code, root, made.run], stdin=subprocess.PIPE)
        for _ in range(2)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    lines = decision_log.read(made.workspace.run(made.run).decisions)
    kinds = [line.kind for line in lines]
    assert kinds.count("operating_point") == 20
    assert kinds.count("test_opened") == 1
    assert looks(made.workspace, made.run).total == 1


def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next(made: Made) -> None:
    place, path = made.workspace, made.workspace.run(made.run).decisions
    open_test(place, made.run, "page")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind": "test_op')
    assert looks(place, made.run).total == 1
    decide_operating_point(place, made.run, None)
    assert path.read_bytes().startswith(whole)
    assert [line.kind for line in decision_log.read(path)] == ["test_opened", "operating_point"]


def test_a_damaged_record_is_refused_rather_than_counted_short(made: Made) -> None:
    path = made.workspace.run(made.run).decisions
    open_test(made.workspace, made.run, "page")
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(RunError, match="damaged"):
        looks(made.workspace, made.run)
    with pytest.raises(RunError, match="damaged"):
        open_test(made.workspace, made.run, "page")


@pytest.mark.parametrize("text", [b"nonsense\n", b'{"kind": "sworn", "time": "2030-01-01"}\n'])
def test_a_damaged_record_blocks_the_test_sets_it_may_have_seen_and_nothing_else(
    made: Made, tmp_path: Path, text: bytes
) -> None:
    place = made.workspace
    other = make_run(place, made.data, seed=1)
    foreign = make_run(place, _other_data(place, tmp_path / "elsewhere"))
    open_test(place, made.run, "page")
    open_test(place, foreign, "page")
    place.run(other).decisions.write_bytes(text)

    seen = looks(place, made.run)
    assert seen.unknown == (f"run {other}",)
    assert "is not known" in seen.sentence
    assert other in seen.sentence
    with pytest.raises(RunError, match="is not known"):
        open_test(place, made.run, "page")
    with pytest.raises(RunError, match="is not known"):
        side_by_side(place, made.run, made.run, Split.TEST)
    side_by_side(place, made.run, made.run, Split.VALIDATION)
    assert decide_temperature(place, made.run).temperature

    assert looks(place, foreign).sentence.startswith("Test set opened once")
    assert open_test(place, foreign, "page").is_open


def test_a_damaged_record_of_a_run_that_was_judged_elsewhere_counts_there(
    made: Made, tmp_path: Path
) -> None:
    place = made.workspace
    foreign = make_run(place, _other_data(place, tmp_path / "elsewhere"))
    save_external(place.run(foreign), record_of(place, made.data), _answers(place, made.data))
    place.run(foreign).decisions.write_bytes(b"nonsense\n")
    assert looks(place, made.run).unknown == (f"run {foreign}",)


def test_nobody_knows_what_a_damaged_ledger_of_deleted_runs_held(made: Made) -> None:
    made.workspace.openings.write_bytes(b"nonsense\n")
    assert looks(made.workspace, made.run).unknown == ("deleted runs",)


def test_a_look_at_another_data_set_counts_there_and_opens_nothing_here(
    made: Made, tmp_path: Path
) -> None:
    place = made.workspace
    other = _other_data(place, tmp_path / "elsewhere")
    theirs = make_run(place, other)
    record = record_of(place, other)
    hashes = (record.manifest_hash, record.split_hash)

    decided = open_elsewhere(place, made.run, record, "command line")
    assert decided.is_open_on(*hashes)
    assert not decided.is_open, "the own test set stays locked"
    assert open_elsewhere(place, made.run, record, "page") == decided, "no new look"
    assert looks(place, made.run).total == 0
    assert looks(place, theirs).sentence == "Test set opened once (this run: never)"
    assert looks_at(place, other, *hashes, made.run).this_run == 1

    later = decide_temperature(place, made.run)
    assert not later.is_open_on(*hashes)
    open_elsewhere(place, made.run, record, "page")
    assert looks(place, theirs).total == 2
    delete_run(place, made.run)
    assert looks(place, theirs).total == 2


def _other_data(place: Workspace, folder: Path) -> str:
    """A data set of other pictures, with patients and parts of its own."""
    return make_data(place, folder, "other", seed=8)


def _answers(place: Workspace, data: str) -> Predictions:
    return answers(load_manifest(place, data), Split.TEST)


def record_of(place: Workspace, data: str) -> External:
    """Of an evaluation of some run on a data set."""
    manifest = load_manifest(place, data)
    return External(
        data=data, split="test", matching={}, images=40, patients=20, left_out={}, own=0, epoch=1,
        weights_sha256="0", manifest_hash=manifest.content_hash, split_hash=manifest.split_hash,
        time=datetime.now(UTC),
    )  # fmt: skip


def test_temperature_first_then_threshold(made: Made) -> None:
    place, run = made.workspace, made.run
    answers = load_predictions(place, run, Split.VALIDATION)
    decided = decide_temperature(place, run)
    assert decided.temperature is not None
    assert decided.divisor == fit_temperature(answers) > 1.2
    assert decided.temperature.images == 48
    point = choose(validation(place, run), Rule.SENSITIVITY, 0.95)
    decided = decide_operating_point(place, run, point)
    assert decided.operating_point == point
    assert decided.threshold == point.threshold
    seen = judged(answers, decided)
    np.testing.assert_allclose(seen.logits, answers.logits / decided.divisor)
    figures = summary(seen)
    assert figures["sensitivity"] == pytest.approx(point.sensitivity)
    assert point.sensitivity >= 0.95
    assert figures["specificity"] == pytest.approx(point.specificity)
    assert figures["log_loss"] < summary(answers)["log_loss"]


@pytest.mark.parametrize("rule", [Rule.YOUDEN, Rule.SPECIFICITY])
def test_switching_the_temperature_changes_no_call(made: Made, rule: Rule) -> None:
    place, run = made.workspace, made.run
    decide_temperature(place, run)
    value = None if rule is Rule.YOUDEN else 0.9
    on = decide_operating_point(place, run, choose(validation(place, run), rule, value))
    off = decide_temperature(place, run, on=False)
    assert off.divisor == 1
    assert off.threshold != on.threshold
    assert off.fingerprint != on.fingerprint
    for split in (Split.VALIDATION, Split.TEST):
        answers = load_predictions(place, run, split)
        assert judged(answers, off).predicted.tolist() == judged(answers, on).predicted.tolist()
    assert decide_temperature(place, run).fingerprint == on.fingerprint


@pytest.mark.parametrize("temperature", [0.5, 0.9, 1.7, 5.0])
def test_a_threshold_moves_there_and_back(temperature: float) -> None:
    for threshold in (1e-12, 1e-6, 0.3, 0.5, 1 - 1e-6):
        there = moved(threshold, 1 / temperature)
        assert moved(there, temperature) == pytest.approx(threshold, rel=1e-9)
    odds = 1e-12 ** (1 / temperature)
    assert moved(1e-12, 1 / temperature) == pytest.approx(odds / (1 + odds), rel=1e-9)
    assert [moved(end, temperature) for end in (0, 1)] == [0, 1]


def test_a_tiny_threshold_calls_the_same_images_at_any_temperature(made: Made) -> None:
    path = made.workspace.run(made.run).predictions("val")
    answers = load_predictions(made.workspace, made.run, "val")
    finding = positive_class(answers.classes)
    # log odds of the finding from -30 to -24; the threshold, -27.6, lies between two of them
    logits = np.zeros_like(answers.logits)
    logits[:, finding] = np.linspace(-30, -24, len(answers))
    replace(answers, logits=logits).save(path)
    saved = load_predictions(made.workspace, made.run, "val")
    line = PointLine(point=choose(saved, Rule.THRESHOLD, 1e-12).to_json(), temperature=1.0)
    called = judged(saved, Decisions(point=line)).predicted
    assert 0 < (called == finding).sum() < len(saved)
    for value in (0.5, 1.3, 3.0, 5.0):
        cooler = TemperatureLine(value=value, on=True, images=48)
        decided = Decisions(temperature=cooler, point=line)
        assert judged(saved, decided).predicted.tolist() == called.tolist(), value


def test_what_was_chosen_under_another_temperature_is_refused(made: Made) -> None:
    place, run = made.workspace, made.run
    under = decide_temperature(place, run)
    point = choose(validation(place, run, under), Rule.SENSITIVITY, 0.9)
    elsewhere = decide_temperature(place, run, on=False)
    lines = decision_log.read(place.run(run).decisions)
    for decide in (
        lambda: decide_operating_point(place, run, point, under=under),
        lambda: decide_band(place, run, 0.9, under=under),
        lambda: decide_sets(place, run, 0.1, under=under),
    ):
        with pytest.raises(RunError, match=r"temperature of run .* was changed meanwhile"):
            decide()
    assert decision_log.read(place.run(run).decisions) == lines
    assert decide_sets(place, run, 0.1, under=elsewhere).sets
    taken_back = decide_operating_point(place, run, None, under=under)
    assert taken_back.operating_point is None


def test_a_band_around_another_threshold_is_refused(made: Made) -> None:
    place, run = made.workspace, made.run
    under = decisions(place, run)
    decide_operating_point(place, run, choose(validation(place, run), Rule.THRESHOLD, 0.4))
    with pytest.raises(RunError, match=r"threshold of run .* was changed meanwhile"):
        decide_band(place, run, 0.9, under=under)
    assert decide_band(place, run, 0.9, under=decisions(place, run)).band


def test_nobody_decides_between_what_is_read_and_what_is_stored(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, run = made.workspace, made.run
    inside = []
    monkeypatch.setattr(
        "medxfer.runs.decisions._chosen_again",
        lambda *_: inside.append(decision_log._here.locked()) or [],
    )
    decide_operating_point(place, run, None)
    decide_temperature(place, run)
    assert inside == [True, True]


def test_lines_that_belong_together_are_stored_together(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, run = made.workspace, made.run
    decide_sets(place, run, 0.2)
    path = place.run(run).decisions
    before, pwrite = path.read_bytes(), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, text, at: pwrite(fd, text[:-9], at))
    with pytest.raises(RunError, match="was not made"):
        decide_temperature(place, run)
    assert path.read_bytes() == before


def test_a_person_has_the_last_word_about_the_temperature(made: Made) -> None:
    place, run = made.workspace, made.run
    line = temper_after_training(place, run)
    assert line is not None
    assert line.after_training
    decide_temperature(place, run, on=False)
    assert temper_after_training(place, run) is None
    assert decisions(place, run).divisor == 1


def test_nothing_to_open_is_no_look(made: Made) -> None:
    made.workspace.run(made.run).predictions("test").unlink()
    with pytest.raises(RunError, match="no predictions for the test set"):
        open_test(made.workspace, made.run, "page")
    with pytest.raises(RunError, match="no run"):
        open_test(made.workspace, "nothing", "page")
    assert looks(made.workspace, made.run).total == 0


def test_what_cannot_be_fitted_decides_nothing(made: Made) -> None:
    path = made.workspace.run(made.run).predictions("val")
    answers = load_predictions(made.workspace, made.run, "val")
    answers.only(np.arange(8)).save(path)
    with pytest.raises(EvaluationError, match="at least 20"):
        decide_temperature(made.workspace, made.run)
    assert decisions(made.workspace, made.run) == Decisions()


def test_decisions_do_not_pay_for_torch() -> None:
    code = "import sys, medxfer.runs.decisions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_uncertain_band_is_kept_and_follows_what_it_depends_on(made: Made) -> None:
    place, run = made.workspace, made.run
    with pytest.raises(EvaluationError, match="cannot be chosen by these numbers"):
        decide_band(place, run, 1.01)
    assert decisions(place, run).band is None
    decided = decide_band(place, run, 0.99)
    answers = load_predictions(place, run, Split.VALIDATION)
    assert decided.band == uncertain_band(answers, accuracy=0.99)
    assert decided.band is not None
    assert decided.band.low < 0.5 < decided.band.high

    open_test(place, run, "page")
    cooled = decide_temperature(place, run)
    assert not cooled.is_open
    assert cooled.band == uncertain_band(answers.tempered(cooled.divisor), accuracy=0.99)
    point = choose(validation(place, run), Rule.SPECIFICITY, 0.9)
    moved = decide_operating_point(place, run, point)
    assert moved.band == uncertain_band(
        answers.tempered(moved.divisor), point.threshold, accuracy=0.99
    )
    assert decide_band(place, run, None).band is None


def test_a_band_that_cannot_follow_is_taken_back(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, run = made.workspace, made.run
    assert decide_band(place, run, 0.99).band

    def out_of_reach(*args: object, **wishes: object) -> None:
        raise EvaluationError("No band reaches this.")

    monkeypatch.setattr("medxfer.runs.decided.uncertain_band", out_of_reach)
    assert decide_temperature(place, run).band is None


def test_conformal_sets_are_kept_and_calibrated_anew_with_the_temperature(made: Made) -> None:
    place, run = made.workspace, made.run
    answers = load_predictions(place, run, Split.VALIDATION)
    before = decisions(place, run).fingerprint
    decided = decide_sets(place, run, 0.2, by_class=True)
    assert decided.sets == conformal(answers, 0.2, by_class=True)
    assert decided.fingerprint != before
    cooled = decide_temperature(place, run)
    tempered = answers.tempered(cooled.divisor)
    assert cooled.sets == conformal(tempered, 0.2, by_class=True)
    assert cooled.sets != decided.sets
    again = decide_sets(place, run, None)
    assert again.sets is None
    assert decide_temperature(place, run, on=False).fingerprint == before
