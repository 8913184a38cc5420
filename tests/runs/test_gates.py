"""A run's gate is made once and kept, and answers about one picture are those of evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from begun import begin
from numpy.typing import NDArray
from safetensors.numpy import load_file

from medxfer.config import TrainConfig
from medxfer.data.corrections import Action, Correction
from medxfer.data.library import correct, load_manifest
from medxfer.data.manifest import Split
from medxfer.data.readers import read_picture
from medxfer.errors import RunError
from medxfer.evaluation.conformal import conformal
from medxfer.evaluation.operating_point import Rule, choose
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.uncertain import UNCERTAIN, uncertain_band
from medxfer.explain.gate import Gate
from medxfer.paths import Workspace
from medxfer.runs import decision_log, gates
from medxfer.runs import execute as executing
from medxfer.runs.answering import answering, verdict
from medxfer.runs.decision_log import TemperatureLine
from medxfer.runs.decisions import (
    Decisions,
    decide_operating_point,
    decide_sets,
    decisions,
    judged,
    validation,
)
from medxfer.runs.evaluate import evaluated
from medxfer.runs.gates import gate, make_within, making
from medxfer.runs.loading import LoadedModel, load_model
from medxfer.runs.store import create_run

FILES = ("familiarity.safetensors", "familiarity.json")


@pytest.fixture
def loaded(workspace: Workspace, small_config: TrainConfig) -> LoadedModel:
    return load_model(workspace, begin(workspace, small_config))


def same(one: Gate, other: Gate) -> bool:
    return (
        all(np.array_equal(one.vectors[side], other.vectors[side]) for side in one.vectors)
        and np.array_equal(one.known, other.known)
        and (one.images, one.labels, one.units, one.limit)
        == (other.images, other.labels, other.units, other.limit)
    )


def test_a_gate_is_made_when_first_asked_for_and_then_kept(
    workspace: Workspace, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    made = gate(workspace, loaded, lambda *step: told.append(step))
    manifest = load_manifest(workspace, "small")
    training = manifest.part(Split.TRAIN).table
    assert made.images == tuple(training["image"])
    assert made.labels == tuple(training["label"])
    assert len(made.known) == len(manifest.part(Split.VALIDATION))
    assert told[-1] == (16 + 5 * 8, 16 + 5 * 8)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    again = gate(workspace, loaded, lambda *step: told.append((-1, -1)))
    assert (-1, -1) not in told, "the kept one was asked"
    assert same(again, made)
    monkeypatch.setattr(gates, "_BATCH", 5)
    (workspace.run(loaded.run).root / FILES[1]).unlink()
    afresh = gate(workspace, loaded)
    assert afresh.limit == pytest.approx(made.limit, rel=1e-3), "and is the same made anew"
    text = (workspace.run(loaded.run).root / FILES[1]).read_text()
    assert ".png" not in text


def damaged(path: Path, fault: str) -> None:
    content = path.read_bytes()
    if fault == "gone":
        path.unlink()
    elif fault == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif path.suffix == ".json":
        path.write_text(json.dumps(json.loads(content) | {"weights_sha256": "0" * 64}))
    else:
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])


def test_a_damaged_record_or_one_of_another_network_is_made_anew(
    workspace: Workspace, loaded: LoadedModel
) -> None:
    made = gate(workspace, loaded)
    for name in FILES:
        for fault in ("gone", "cut short", "altered"):
            damaged(workspace.run(loaded.run).root / name, fault)
            assert gates.load(workspace, loaded) is None, (name, fault)
            assert same(gate(workspace, loaded), made), (name, fault)
            kept = gates.load(workspace, loaded)
            assert kept is not None
            assert same(kept, made)


def test_without_the_data_it_learned_from_no_gate_is_made(
    workspace: Workspace, loaded: LoadedModel
) -> None:
    image = load_manifest(workspace, "small").part(Split.TRAIN).table["image"][0]
    correct(workspace, "small", Correction(action=Action.EXCLUDE, images=(image,), reason="test"))
    with pytest.raises(RunError, match="no longer the one"):
        gate(workspace, loaded)
    ready = answering(workspace, loaded)
    answer = ready.answer(scan(workspace, 0), Decisions())
    assert answer.familiarity is None
    assert answer.verdict is None, "nobody insisted"
    assert "cannot be said" in answer.sentence
    assert ready.answer(scan(workspace, 0), Decisions(), insist=True).verdict is not None


def test_a_run_makes_it_at_its_end_only_if_that_is_cheap(
    workspace: Workspace, loaded: LoadedModel
) -> None:
    place = (workspace, loaded.run, loaded.model, load_manifest(workspace, "small"))
    assert not make_within(0.0, *place)
    assert not make_within(1000.0, *place, lambda: True)
    assert not (workspace.run(loaded.run).root / FILES[0]).exists()
    assert make_within(1000.0, *place)
    assert gates.load(workspace, loaded) is not None
    assert list(making(workspace, loaded)) == []


def test_a_run_tries_it_when_it_ends(
    workspace: Workspace, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "_TWENTIETH", 1000.0)
    run, _ = create_run(workspace, small_config.model_copy(update={"epochs": 1}))
    assert list(executing.execute(workspace, run))[-1].kind == "finished"
    found = gates.load(workspace, load_model(workspace, run))
    assert found is not None
    assert len(found.images) == 16


def test_of_many_scans_some_of_each_class_are_drawn_and_always_the_same(
    workspace: Workspace, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "MOST_TRAINING", 10)
    made = gate(workspace, loaded)
    assert sorted(made.labels) == ["NORMAL"] * 5 + ["PNEUMONIA"] * 5
    stored = load_file(workspace.run(loaded.run).root / FILES[0])
    assert {len(stored[str(side)]) for side in made.vectors} == {10}
    (workspace.run(loaded.run).root / FILES[0]).unlink()
    assert gate(workspace, loaded).images == made.images


def scan(workspace: Workspace, row: int) -> NDArray[np.uint8]:
    test = load_manifest(workspace, "small").part(Split.TEST)
    return read_picture(test.paths()[row]).pixels


def test_answers_about_one_picture_are_those_of_evaluation(
    workspace: Workspace, loaded: LoadedModel
) -> None:
    place, run = workspace, loaded.run
    evaluated(place, run, Split.VALIDATION)
    hotter = TemperatureLine(value=2.0, on=True, images=8, after_training=False)
    decision_log.append(place.run(run).decisions, hotter)  # 8 images allow no fit
    decide_operating_point(place, run, choose(validation(place, run), Rule.YOUDEN))
    decide_sets(place, run, 0.2)
    decided = decisions(place, run)
    known = judged(evaluated(place, run, Split.TEST), decided)
    assert decided.sets is not None
    held = decided.sets.sets(known)
    ready = answering(place, loaded)
    for row in range(len(known)):
        found = ready.answer(scan(place, row), decided, insist=True).verdict
        assert found is not None
        np.testing.assert_allclose(found.probabilities, known.probabilities[row], atol=2e-3)
        assert found.called == known.predicted[row]
        assert found.within == tuple(
            name for name, inside in zip(known.classes, held[row], strict=True) if inside
        )
        assert (found.temperature, found.threshold) == (decided.divisor, decided.threshold)
        assert found.agreement is not None
        low, high = found.agreement.low, found.agreement.high
        assert low <= found.probabilities[found.called] <= high
        assert json.dumps(found.to_json())


def test_an_unfamiliar_picture_gets_no_verdict_until_someone_insists(
    workspace: Workspace, loaded: LoadedModel
) -> None:
    ready = answering(workspace, loaded)
    columns = np.linspace(0, 255, 300).astype(np.uint8)
    photo = np.stack([np.tile(columns, (300, 1)), np.tile(columns[::-1], (300, 1)),
                      np.tile(columns[:, None], (1, 300))], axis=2)  # fmt: skip
    answer = ready.answer(photo, Decisions())
    assert answer.familiarity is not None
    assert not answer.familiarity.familiar
    assert answer.verdict is None
    assert answer.familiarity.reasons[0].name == "colour"
    images = set(load_manifest(workspace, "small").part(Split.TRAIN).table["image"])
    assert {case.image for case in answer.familiarity.similar} <= images
    assert len(answer.familiarity.similar) == 5
    insisted = ready.answer(photo, Decisions(), insist=True, shifted=False)
    assert insisted.familiarity == answer.familiarity
    assert insisted.verdict is not None
    assert insisted.verdict.agreement is None
    twice = ready.answer(photo, Decisions(), insist=True, shifted=False)
    assert twice == insisted, "asked twice, the same is said"


def test_a_verdict_follows_threshold_band_and_sets(workspace: Workspace) -> None:
    classes = ("NORMAL", "PNEUMONIA")
    odds = np.log(0.7 / 0.3)
    logits = np.array([[0.0, odds], [0.0, -1.0]])
    plain = verdict(classes, logits, Decisions())
    assert plain.prediction == "PNEUMONIA"
    assert (plain.uncertain, plain.within, plain.threshold) == (None, None, None)
    assert plain.agreement is not None
    assert (plain.agreement.shifts, plain.agreement.same) == (1, 0)
    other = verdict(classes, logits, Decisions(), finding="NORMAL")
    assert other.positive == "NORMAL"

    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 200)
    strength = 1.5 * (2 * truth - 1) + random.normal(0, 1.5, 200)
    many = np.stack([0 * strength, strength], axis=1)
    answers = _predictions(classes, many, truth)
    band, sets = uncertain_band(answers, accuracy=0.97), conformal(answers, 0.1)
    decided = _Decided(band, sets)
    for row in range(0, 200, 10):
        found = verdict(classes, many[row : row + 1], decided)
        one = answers.only(np.array([row]))
        assert found.uncertain == (band.answers(one)[0] == UNCERTAIN)
        assert found.within == tuple(np.array(classes)[sets.sets(one)[0]])
        assert found.promised == pytest.approx(0.9)


class _Decided(Decisions):
    """Band and sets without a log of decisions."""

    def __init__(self, band: object, sets: object) -> None:
        super().__init__()
        self.__dict__.update(band=band, sets=sets)


def _predictions(
    classes: tuple[str, ...], logits: NDArray[np.float64], truth: NDArray[np.int64]
) -> Predictions:
    ids = [str(row) for row in range(len(logits))]
    facts = pd.DataFrame(dict.fromkeys(("image", "file", "patient", "split"), ids))
    return Predictions(classes, facts, truth, logits)
