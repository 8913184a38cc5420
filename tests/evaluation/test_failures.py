"""The images worth looking at, in the right order."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_cases import binary, of, simulated

from medxfer.evaluation.failures import barely_right, by_class, confidently_wrong, margin


def test_by_hand() -> None:
    predictions = binary([0, 0, 1, 1, 1, 0, -1], [0.9, 0.3, 0.8, 0.1, 0.55, 0.6, 0.99])
    wrong = confidently_wrong(predictions)
    assert wrong["image"].tolist() == ["i0", "i3", "i5"]
    assert wrong["confidence"].tolist() == pytest.approx([0.9, 0.9, 0.6])
    right = barely_right(predictions)
    assert right["image"].tolist() == ["i4", "i1", "i2"]
    assert right["margin"].tolist() == pytest.approx([0.1, 0.4, 0.6])
    assert set(predictions.table().columns) < set(right.columns)


def test_a_threshold_moves_what_is_wrong_and_what_is_near() -> None:
    predictions = binary([0, 0, 1, 1], [0.5, 0.1, 0.3, 0.9]).at(0.25)
    assert confidently_wrong(predictions)["image"].tolist() == ["i0"]
    right = barely_right(predictions)
    assert right["image"].tolist() == ["i2", "i1", "i3"]
    assert right["margin"].tolist() == pytest.approx([0.1, 0.3, 1.3])
    assert right["confidence"].tolist() == pytest.approx([0.3, 0.9, 0.9])


def test_half_is_no_threshold() -> None:
    predictions = simulated(50)
    np.testing.assert_allclose(margin(predictions.at(0.5)), margin(predictions), atol=1e-12)


def test_by_true_class_and_no_more_than_asked() -> None:
    predictions = simulated(300, 3)
    failures = by_class(predictions, most=5)
    assert list(failures) == list(predictions.classes)
    for name, found in failures.items():
        for rows in (found.wrong, found.barely_right):
            assert set(rows["truth"]) == {name}
            assert len(rows) == 5
        assert (found.wrong["prediction"] != name).all()
        assert (found.barely_right["prediction"] == name).all()
        assert found.wrong["confidence"].is_monotonic_decreasing
        assert found.barely_right["margin"].is_monotonic_increasing


def test_equals_stay_in_their_order() -> None:
    predictions = of(np.array([1, 0] * 10), np.tile([[1.0, 0.0]], (20, 1)))
    assert confidently_wrong(predictions)["image"].tolist() == [f"i{at}" for at in range(0, 20, 2)]
    assert barely_right(predictions)["image"].tolist() == [f"i{at}" for at in range(1, 20, 2)]


def test_no_failures_no_rows() -> None:
    predictions = binary([0, 1], [0.1, 0.9])
    empty = confidently_wrong(predictions)
    assert len(empty) == 0
    assert "confidence" in empty.columns
    assert len(barely_right(predictions.only(np.zeros(2, dtype=bool)))) == 0
