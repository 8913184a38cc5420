"""Shares of images against scipy, and their coverage where images come in patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from medxfer.evaluation.proportion import of_patients, wilson


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (0, 20), (7, 20), (20, 20), (999, 1000)])
def test_wilson_equals_scipy(hits: int, n: int) -> None:
    theirs = binomtest(hits, n).proportion_ci(method="wilson")
    ours = wilson(hits, n)
    assert ours.value == hits / n
    assert ours.low == pytest.approx(theirs.low, abs=1e-12)
    assert ours.high == pytest.approx(theirs.high, abs=1e-12)


def test_no_images_no_share() -> None:
    assert wilson(0, 0).value is None
    assert of_patients(np.zeros(0, dtype=bool), np.zeros(0)).value is None


def test_one_image_a_patient_is_wilson() -> None:
    hit = np.arange(30) % 3 > 0
    assert of_patients(hit, np.arange(30)) == wilson(20, 30)


def test_where_all_hit_each_patient_counts_once() -> None:
    ours = of_patients(np.ones(40, dtype=bool), np.arange(40) // 4)
    assert ours == wilson(10, 10)


def test_copies_of_an_image_add_nothing() -> None:
    hit = np.arange(30) % 3 > 0
    five = of_patients(np.repeat(hit, 5), np.repeat(np.arange(30), 5))
    assert five.width == pytest.approx(wilson(20, 30).width, rel=0.03)


def test_the_interval_covers_where_patients_differ() -> None:
    """Patients whose own share is drawn from Beta(4, 1): on average 0.8; 60 of them, 5 images."""
    generator = np.random.default_rng(0)
    patients, inside = np.repeat(np.arange(60), 5), 0
    for _ in range(1000):
        hit = generator.random(300) < np.repeat(generator.beta(4, 1, 60), 5)
        share = of_patients(hit, patients)
        assert share.low is not None
        assert share.high is not None
        inside += share.low <= 0.8 <= share.high
    assert 0.93 < inside / 1000 < 0.97
