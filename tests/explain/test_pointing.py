"""Pointing game and energy: worked cases, and intervals by hand and by Student."""

from __future__ import annotations

import numpy as np
import pytest

from medxfer.evaluation.proportion import of_patients
from medxfer.explain.baselines import centre_blob
from medxfer.explain.pointing import (
    Marked,
    energy,
    localisation,
    mean_of_patients,
    points_into,
)


def square(row: int, column: int, size: int = 40, side: int = 224) -> np.ndarray:
    mask = np.zeros((side, side), dtype=np.bool_)
    mask[row : row + size, column : column + size] = True
    return mask


def spot(row: int, column: int) -> np.ndarray:
    rows, columns = np.mgrid[:224, :224]
    squares = (rows - row) ** 2 + (columns - column) ** 2
    return np.exp(-squares / 200).astype(np.float32)


def test_the_hottest_point() -> None:
    assert points_into(spot(30, 50), square(20, 40))
    assert not points_into(spot(30, 90), square(20, 40))
    assert not points_into(np.zeros((224, 224), np.float32), np.ones((224, 224), np.bool_))


def test_of_equally_hot_points_the_middle_one_counts() -> None:
    """A cell in a corner is flat there: the first pixel in reading order is only its corner."""
    heat = np.zeros((224, 224), np.float32)
    heat[:16, :16] = 1
    assert points_into(heat, square(5, 5, 6))
    assert not points_into(heat, square(0, 0, 3))


def test_energy_is_the_part_of_the_heat_inside() -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[:2] = 3
    heat[2:4] = 1
    mask = np.zeros((8, 8), np.bool_)
    mask[1:3] = True
    assert energy(heat, mask) == pytest.approx((3 + 1) / (6 + 2))
    assert energy(np.zeros((8, 8), np.float32), mask) == 0


def pad(values: np.ndarray) -> np.ndarray:
    """A picture of 256 a side whose middle 224 are seen."""
    return np.pad(values, 16)


def test_localisation_of_known_maps() -> None:
    """Three of four maps point at their mark; the centre into one; one mark lies outside."""
    cases = [
        (spot(30, 50), square(20, 40), "a"),
        (spot(30, 50), square(20, 40), "a"),
        (spot(112, 112), square(92, 92), "b"),
        (spot(30, 50), square(150, 40), "c"),
    ]
    marked = [Marked(pad(heat), pad(mask), patient) for heat, mask, patient in cases]
    outside = np.zeros((256, 256), np.bool_)
    outside[:10, :10] = True
    found = localisation([*marked, Marked(pad(spot(5, 5)), outside, "d")])
    assert (found.pictures, found.patients, found.unseen) == (4, 3, 1)
    whose = np.array(["a", "a", "b", "c"])
    assert found.pointing == of_patients(np.array([True, True, True, False]), whose)
    assert found.centre_pointing == of_patients(np.array([False, False, True, False]), whose)
    assert found.pointing_gain.value == pytest.approx(0.5)
    assert found.area == pytest.approx(40**2 / 224**2, rel=1e-3)
    inside = [energy(heat, mask) for heat, mask, _ in cases]
    assert found.energy.value == pytest.approx(np.mean(inside), rel=1e-3)
    blob = [energy(centre_blob(), mask) for _, mask, _ in cases]
    assert found.centre_energy.value == pytest.approx(np.mean(blob), rel=1e-3)


def test_tolerance_widens_the_mark() -> None:
    """The point is 10 pixels left of the mark."""
    marked = [Marked(pad(spot(40, 50)), pad(square(20, 60)), str(n)) for n in range(3)]
    assert localisation(marked).pointing.value == 0
    assert localisation(marked, tolerance=11).pointing.value == 1
    assert localisation(marked, tolerance=9).pointing.value == 0


def test_nothing_marked_says_nothing() -> None:
    found = localisation([])
    assert found.pictures == 0
    assert found.pointing.value is None
    assert found.energy.value is None


def test_interval_of_a_mean_by_hand() -> None:
    """Patients a (1, 3) and b (5) and c (7): mean 4, sums of deviations -4, 1, 3."""
    values = np.array([1.0, 3, 5, 7])
    found = mean_of_patients(values, np.array(["a", "a", "b", "c"]), low=-99, high=99)
    half = 4.302652729749464 * np.sqrt(3 / 2 * (16 + 1 + 9)) / 4
    assert (found.value, found.low, found.high) == pytest.approx((4, 4 - half, 4 + half))
    assert mean_of_patients(values, np.array(["a"] * 4)).low is None


def test_one_picture_a_patient_is_students_interval() -> None:
    from scipy.stats import t

    values = np.random.default_rng(0).random(30)
    found = mean_of_patients(values, np.arange(30))
    low, high = t.interval(0.95, 29, values.mean(), values.std(ddof=1) / np.sqrt(30))
    assert (found.low, found.high) == pytest.approx((low, high))
