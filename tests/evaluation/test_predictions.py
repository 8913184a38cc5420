"""Decisions about answers: a threshold, a temperature, a part of the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up
from simulated_cases import binary, of, simulated
from sklearn.metrics import f1_score

from medxfer.errors import EvaluationError
from medxfer.evaluation.comparison import compare
from medxfer.evaluation.intervals import estimates
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.predictions import Predictions


def test_a_threshold_decides_what_is_called() -> None:
    predictions = binary([0, 1, 1], [0.2, 0.3, 0.9])
    assert predictions.predicted.tolist() == [0, 0, 1]
    assert predictions.at(0.25).predicted.tolist() == [0, 1, 1]
    assert predictions.at(0.95).predicted.tolist() == [0, 0, 0]
    assert predictions.at(0.25).at(None).predicted.tolist() == [0, 0, 1]
    assert predictions.at(0.25).table()["prediction"].tolist() == ["well", "sick", "sick"]


def test_a_probability_on_the_threshold_is_called() -> None:
    predictions = binary([0, 1], [0.5, 0.4])
    assert predictions.at(float(predictions.probabilities[0, 1])).predicted.tolist() == [1, 0]


def test_a_threshold_is_about_the_positive_class() -> None:
    predictions = of(np.array([0, 1]), np.log([[0.3, 0.7], [0.1, 0.9]]), ("ABNORMAL", "NORMAL"))
    assert predictions.at(0.2).predicted.tolist() == [0, 1]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(EvaluationError, match="probability from 0 to 1"):
        simulated(3).at(threshold)


def test_only_two_classes_have_a_threshold() -> None:
    with pytest.raises(EvaluationError, match="exactly two classes"):
        simulated(3, 3).at(0.5)


def test_a_temperature_divides_the_logits_and_keeps_the_rest() -> None:
    predictions = simulated(20, 3)
    tempered = predictions.tempered(2.0)
    np.testing.assert_array_equal(tempered.logits, predictions.logits / 2)
    assert tempered.facts is predictions.facts
    assert tempered.probabilities.max() < predictions.probabilities.max()


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.inf, np.nan])
def test_a_temperature_is_positive(temperature: float) -> None:
    with pytest.raises(EvaluationError, match="above 0"):
        simulated(3).tempered(temperature)


def test_a_part_keeps_rows_together_and_the_threshold() -> None:
    predictions = simulated(6, per_patient=2).at(0.3)
    by_flag = predictions.only(np.array([False, True, False, False, True, True]))
    by_place = predictions.only(np.array([5, 1]))
    assert by_flag.facts["image"].tolist() == ["i1", "i4", "i5"]
    assert by_flag.facts["patient"].tolist() == ["p0", "p2", "p2"]
    assert by_flag.threshold == 0.3
    assert by_place.facts["image"].tolist() == ["i5", "i1"]
    np.testing.assert_array_equal(by_place.logits, predictions.logits[[5, 1]])
    np.testing.assert_array_equal(by_place.truth, predictions.truth[[5, 1]])
    assert len(predictions.only(np.zeros(6, dtype=bool))) == 0


def test_the_finding_can_be_named_and_travels_in_the_file(tmp_path: Path) -> None:
    """ "AD" and "CN" sound like nothing: the guess is the second, which would be wrong here."""
    guessed = replace(made_up(200), classes=("AD", "CN"))
    named = replace(guessed, finding="AD")
    assert (guessed.positive, named.positive) == (1, 0)
    assert named.judged_classes == (0,)
    before, after = summary(guessed), summary(named)
    assert (after["sensitivity"], after["ppv"]) == (before["specificity"], before["npv"])
    assert after["auroc"] == pytest.approx(before["auroc"])
    theirs = f1_score(named.truth, named.predicted, pos_label=0)
    assert after["f1"] == pytest.approx(theirs)
    called = named.at(0.7).predicted
    assert (called == np.where(named.probabilities[:, 0] >= 0.7, 0, 1)).all()
    with_intervals = estimates(named, resamples=50)
    assert {name: it.value for name, it in with_intervals.items()} == after
    named.save(tmp_path / "named.parquet")
    assert Predictions.load(tmp_path / "named.parquet").finding == "AD"
    with pytest.raises(EvaluationError, match="cannot be the finding"):
        replace(guessed, finding="MCI")
    with pytest.raises(EvaluationError, match="the finding is 'CN', to the other 'AD'"):
        compare(guessed, named)
