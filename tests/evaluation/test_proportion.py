"""Shares of images against scipy, and their coverage where images come in patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.coverage import shares_held
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


@pytest.mark.parametrize(
    ("patients", "images", "share", "alike"),
    [
        (5, 20, 0.8, 0.2), (5, 20, 0.9, 0.2), (10, 20, 0.9, 0.5), (10, 20, 0.95, 0.5),
        (20, 10, 0.95, 0.5), (20, 10, 0.5, 0.0), (50, 4, 0.95, 0.5), (100, 2, 0.98, 0.2),
    ],
)  # fmt: skip
def test_with_few_patients_it_covers_as_well(
    patients: int, images: int, share: float, alike: float
) -> None:
    """It held 82 to 91 % in five of these while the design effect was taken at its word."""
    assert shares_held(patients, images, share, alike, 600) / 600 > 0.93


def ends(hits: list[int], images: int) -> tuple[float, float]:
    """Of patients with so many images each, of which so many are hits."""
    hit = np.concatenate([np.arange(images) < each for each in hits])
    found = of_patients(hit, np.repeat(np.arange(len(hits)), images))
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_one_error_does_not_make_it_surer() -> None:
    """Of 10 patients with 20 images: 200 hits gave 0.72 to 1, 199 gave 0.97 to 1."""
    assert ends([20] * 10, 20) == (wilson(10, 10).low, 1)
    assert ends([19] + [20] * 9, 20)[0] < ends([20] * 10, 20)[0]
    assert ends([100, 99], 100)[0] < ends([100, 100], 100)[0]
    low, high = ends([90, 90], 100)
    assert high - low > 0.5  # two patients


def test_more_errors_hardly_ever_make_it_surer() -> None:
    spread = [ends([20 - (at < errors) for at in range(10)], 20)[0] for errors in range(11)]
    assert max(np.diff(spread)) < 0.02
    assert max(spread) - spread[0] < 0.06
    in_one = [ends([20] * 9 + [20 - errors], 20)[0] for errors in range(21)]
    assert max(in_one) < in_one[0] + 0.01


def test_a_patient_with_most_of_the_images_tells_no_more_than_one() -> None:
    hit = np.arange(104) % 2 == 0
    patients = np.maximum(np.arange(104) - 99, 0)
    found = of_patients(hit, patients)
    assert found.width is not None
    assert found.width > 0.8
