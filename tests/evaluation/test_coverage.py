"""Intervals hold the truth as often as they say; `benchmarks.coverage` measures it closely."""

from __future__ import annotations

import pytest

from benchmarks.coverage import SETTINGS, Setting, held, truths


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS[:4], ids=lambda setting: setting.name)
def test_intervals_hold_the_truth(setting: Setting) -> None:
    """200 studies: 95 % is 95 give or take 3 (two standard errors); 90 is beyond chance."""
    counts = held(setting, range(200), resamples=150, beside=False)
    for name in ("auroc", "sensitivity", "specificity", "accuracy"):
        assert counts[name] / counts["sets"] > 0.91, name


def test_the_simulated_truth_is_that_of_many_patients() -> None:
    for setting in SETTINGS:
        found = truths(setting)
        assert found["accuracy"] == pytest.approx(found["sensitivity"], abs=0.01)
        assert found["balanced_accuracy"] == pytest.approx(found["sensitivity"], abs=0.01)
