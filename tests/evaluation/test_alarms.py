"""Each alarm sounds where it must, and not where it need not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from simulated_cases import binary, of, simulated

from medxfer.evaluation.alarms import Alarm, Circumstances, Part, alarms, difference
from medxfer.evaluation.calibration import calibration
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.severity import Severity

FINE = Circumstances(patients_known=True, leaks=False, best_epoch=7, epochs=10)


def part(name: str = "test", predictions: Predictions | None = None, **figures: float) -> Part:
    """With intervals 0.04 to each side."""
    estimates = {key: Estimate(value, value - 0.04, value + 0.04) for key, value in figures.items()}
    return Part(name, simulated(200) if predictions is None else predictions, estimates)


def keys(found: list[Alarm]) -> list[str]:
    return [alarm.key for alarm in found]


def test_a_sound_result_is_silent() -> None:
    good = dataclasses.replace(part(auroc=0.85), calibration=calibration(simulated(500), 100))
    assert alarms(part("validation", auroc=0.86), good, FINE) == []
    assert alarms(None, None, FINE) == []


@pytest.mark.parametrize(
    ("sick", "found", "sounds"),
    [(20, 0, True), (20, 3, True), (3, 2, False), (20, 15, False), (0, 0, False)],
)
def test_one_class_for_nearly_all(sick: int, found: int, sounds: bool) -> None:
    """Not where nearly all images are of that class and the others are found."""
    probability = [0.9] * found + [0.1] * (100 - found)
    predictions = binary([1] * sick + [0] * (100 - sick), probability)
    said = [alarm for alarm in alarms(None, part(predictions=predictions), FINE)
            if alarm.key == "one_class"]  # fmt: skip
    assert bool(said) == sounds
    if sounds:
        assert said[0].severity == "blocking"
        assert f"{100 - found} of 100 test images 'well'" in said[0].problem


def test_a_threshold_can_call_one_class() -> None:
    predictions = binary([1] * 50 + [0] * 50, [0.8] * 50 + [0.2] * 50)
    assert keys(alarms(None, part(predictions=predictions), FINE)) == []
    assert keys(alarms(None, part(predictions=predictions.at(0.1)), FINE)) == ["one_class"]


def test_validation_above_test_counts_only_beyond_its_interval() -> None:
    far = alarms(part("validation", auroc=0.95), part(auroc=0.85), FINE)
    assert keys(far) == ["validation_above_test"]
    assert "On validation the AUROC is 0.950, on test 0.850" in far[0].problem
    assert alarms(part("validation", auroc=0.90), part(auroc=0.85), FINE) == []
    assert alarms(part("validation", auroc=0.75), part(auroc=0.85), FINE) == []


def test_the_interval_of_a_difference() -> None:
    """By hand: 0.1, sqrt(0.04^2 + 0.03^2) below and sqrt(0.02^2 + 0.01^2) above."""
    gap = difference(Estimate(0.9, 0.86, 0.92), Estimate(0.8, 0.79, 0.83))
    assert gap.value == pytest.approx(0.1)
    assert gap.low == pytest.approx(0.05)
    assert gap.high == pytest.approx(0.1 + np.sqrt(0.0005))
    assert difference(Estimate(None), Estimate(0.8, 0.79, 0.83)) == Estimate(None)
    assert difference(Estimate(0.9), Estimate(0.8, 0.79, 0.83)).low is None


def test_nearly_perfect_is_suspect_where_patients_may_be_on_both_sides() -> None:
    perfect = part(auroc=0.995)
    leaky, nameless = (
        dataclasses.replace(FINE, leaks=True),
        dataclasses.replace(FINE, patients_known=False),
    )
    (leak,) = alarms(None, perfect, leaky)
    assert (leak.key, leak.severity) == ("too_good", "blocking")
    (unknown,) = alarms(None, perfect, nameless)
    assert (unknown.key, unknown.severity) == ("too_good", "serious")
    assert "without patient ids" in unknown.problem
    assert alarms(None, perfect, FINE) == []
    assert alarms(None, part(auroc=0.9), leaky) == []


def test_calibration_that_is_gone_sounds_only_with_images_to_say_so() -> None:
    def judged(n: int, temperature: float) -> Part:
        predictions = simulated(n, seed=1).tempered(temperature)
        return Part("test", predictions, {}, calibration(predictions, 200))

    (sure,) = alarms(None, judged(500, 0.2), FINE)
    assert sure.key == "calibration"
    assert "too extreme" in sure.problem
    assert "temperature" in sure.remedy
    (timid,) = alarms(None, judged(500, 5.0), FINE)
    assert "too timid" in timid.problem
    assert alarms(None, judged(500, 1.0), FINE) == []
    assert alarms(None, judged(25, 0.8), FINE) == []


def level_off(by: float) -> Part:
    """Right probabilities but for their level."""
    predictions = simulated(500, seed=1)
    logits = predictions.logits + np.array([0.0, by])
    predictions = of(predictions.truth, logits)
    return Part("test", predictions, {}, calibration(predictions, 200))


def test_a_level_that_is_off_sounds_with_a_remedy_that_helps() -> None:
    (high,) = alarms(None, level_off(1.0), FINE)
    assert high.key == "calibration"
    assert "those of 'class 1' are too high on the whole (by 0.96 log odds)" in high.problem
    assert high.remedy.startswith("No temperature mends a level")
    assert "Switch on" not in high.remedy
    (low,) = alarms(None, level_off(-1.0), FINE)
    assert "too low on the whole" in low.problem
    assert alarms(None, level_off(0.1), FINE) == []


def test_a_temperature_in_force_is_not_told_to_be_switched_on() -> None:
    predictions = simulated(500, seed=1).tempered(0.2)
    part = Part("test", predictions, {}, calibration(predictions, 200))
    (off,) = alarms(None, part, FINE)
    assert "Switch on temperature scaling" in off.remedy
    (on,) = alarms(None, part, dataclasses.replace(FINE, tempered=True))
    assert "Temperature scaling is on and does not mend this" in on.remedy
    assert "Switch on" not in on.remedy


def test_many_images_of_few_patients_are_few_cases() -> None:
    """500 sick images of one patient raised nothing."""
    predictions = simulated(600, per_patient=1)
    truth = np.where(np.arange(600) < 500, 1, 0)
    facts = predictions.facts.copy()
    facts["patient"] = np.where(truth == 1, "the same", facts["patient"])
    sick = dataclasses.replace(predictions, facts=facts, truth=truth)
    found = part(predictions=sick)
    found.estimates["sensitivity"] = Estimate(0.9)
    few, firm = (alarm for alarm in alarms(None, found, FINE) if alarm.key != "one_class")
    assert few.key == "few_cases"
    assert "too few to judge by: 1 of 'class 1' (500 images)." in few.problem
    assert firm.key == "no_interval"
    assert "sensitivity" in firm.problem
    assert alarms(None, part(predictions=predictions, sensitivity=0.9), FINE) == []


def test_too_few_cases_and_too_wide_intervals() -> None:
    few = of(np.array([0] * 50 + [1] * 9 + [2] * 10), np.eye(3)[[0] * 50 + [1] * 9 + [2] * 10])
    said = alarms(None, part(predictions=few), FINE)
    assert keys(said) == ["few_cases"]
    assert "9 of 'class 1'." in said[0].problem
    wide = Part("validation", simulated(200), {"sensitivity": Estimate(0.8, 0.65, 0.9)})
    (said_wide,) = alarms(wide, None, FINE)
    assert said_wide.key == "wide_interval"
    assert "sensitivity may be anything from 0.65 to 0.90" in said_wide.problem


def test_the_last_epoch_the_best() -> None:
    (learning,) = alarms(None, None, dataclasses.replace(FINE, best_epoch=10))
    assert (learning.key, learning.severity) == ("last_epoch_best", "note")
    assert alarms(None, None, Circumstances(True, False)) == []


def test_the_worst_comes_first_in_the_words_of_the_audit() -> None:
    predictions = binary([1] * 50 + [0] * 5, [0.9] * 55)
    found = alarms(
        part("validation", auroc=0.999),
        part(predictions=predictions, auroc=0.6),
        Circumstances(patients_known=False, leaks=False, best_epoch=3, epochs=3),
    )
    ranks = [Severity(alarm.severity).rank for alarm in found]
    assert ranks == sorted(ranks)
    assert keys(found)[0] == "one_class"
    assert keys(found)[-1] == "last_epoch_best"
    assert all(alarm.problem.endswith(".") and alarm.remedy.endswith(".") for alarm in found)


def test_no_images_no_alarm_but_that() -> None:
    empty = simulated(5).only(np.zeros(5, dtype=bool))
    assert keys(alarms(None, part(predictions=empty), FINE)) == ["few_cases"]
