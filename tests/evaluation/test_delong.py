"""DeLong's variance and test against the published example, and by their definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medxfer.evaluation.curves import Flags
from medxfer.evaluation.delong import areas, delong
from medxfer.evaluation.predictions import Floats, Ints

OVARIAN = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0
1.6 5.6 5 1  3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1
4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1
3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1
3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1
3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1
3.6 6.6 5 1
"""
"""The 43 complete of 49 patients of DeLong, DeLong and Clarke-Pearson (1988): albumin, total
protein, K-G score, outcome. From the SAS/STAT manual, PROC LOGISTIC, "Comparing Receiver Operating
Characteristic Curves", whose figures leave out the other six."""


def test_the_published_example() -> None:
    """Areas, errors and contrasts of the SAS/STAT manual's tables."""
    albumin, protein, score, outcome = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    positive = outcome == 0
    found = areas(positive, np.stack([-albumin, score, -protein]))
    assert found is not None
    assert np.round(found.values, 4).tolist() == [0.7366, 0.7258, 0.6478]
    errors = np.sqrt(np.diag(found.covariance))
    assert np.round(errors, 4).tolist() == [0.0927, 0.1028, 0.1000]
    for other, expected in ((-albumin, (0.0108, 0.0953, 0.9102)),
                            (-protein, (-0.0780, 0.1046, 0.4561))):  # fmt: skip
        test = delong(positive, other, score)
        assert test is not None
        assert test.p is not None
        assert (test.difference, test.standard_error, test.p) == pytest.approx(expected, abs=6e-5)


def test_published_ratings_with_many_ties() -> None:
    """Hanley and McNeil (1982), table I, 109 CT scans rated 1 to 5; DeLong's error and interval as
    the Stata manual gives them ([R] roctab, hanley.dta)."""
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    rating = np.concatenate([np.repeat(np.arange(1.0, 6), n) for n in (normal, abnormal)])
    found = areas(np.arange(109) >= 58, rating[None])
    assert found is not None
    area, error = float(found.values[0]), float(np.sqrt(found.covariance[0, 0]))
    assert (area, error) == pytest.approx((0.8932, 0.0307), abs=5e-5)
    ends = area - 1.959964 * error, area + 1.959964 * error
    assert ends == pytest.approx((0.83295, 0.95339), abs=6e-6)


def by_definition(positive: Flags, scores: Floats, patient: Ints) -> Floats:
    """The covariance from every pair of a positive and a negative image (Obuchowski 1997)."""
    m, n = positive.sum(), (~positive).sum()
    gaps = [score[positive][:, None] - score[~positive] for score in scores]
    pairs = [(gap > 0) + 0.5 * (gap == 0) for gap in gaps]
    patients = np.unique(patient)
    with_positive = [p for p in patients if (positive & (patient == p)).any()]
    with_negative = [p for p in patients if (~positive & (patient == p)).any()]
    i, i10, i01 = len(patients), len(with_positive), len(with_negative)

    def sums(pair: Floats, p: int) -> tuple[float, float]:
        own, other = patient[positive] == p, patient[~positive] == p
        area = pair.mean()
        return (pair.mean(axis=1)[own] - area).sum(), (pair.mean(axis=0)[other] - area).sum()

    covariance = np.zeros((len(scores), len(scores)))
    for r, s in np.ndindex(covariance.shape):
        s10 = s01 = s11 = s11_turned = 0.0
        for p in patients:
            (x_r, y_r), (x_s, y_s) = sums(pairs[r], p), sums(pairs[s], p)
            s10 += x_r * x_s * i10 / ((i10 - 1) * m)
            s01 += y_r * y_s * i01 / ((i01 - 1) * n)
            s11 += x_r * y_s * i / (i - 1)
            s11_turned += x_s * y_r * i / (i - 1)
        covariance[r, s] = s10 / m + s01 / n + (s11 + s11_turned) / (m * n)
    return covariance


@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("levels", [0, 2])
def test_the_fast_algorithm_equals_the_definition(each: int, levels: int) -> None:
    generator = np.random.default_rng(3)
    positive = generator.random(45) < 0.4
    scores = generator.normal(size=(3, 45)) + positive
    scores = np.round(scores * levels) if levels else scores
    patient = np.arange(45) // each
    found = areas(positive, scores, patient)
    assert found is not None
    for area, score in zip(found.values, scores, strict=True):
        assert area == pytest.approx(roc_auc_score(positive, score))
    np.testing.assert_allclose(found.covariance, by_definition(positive, scores, patient))


def test_a_case_by_hand() -> None:
    """Positives 3, 1 and negatives 2, 0: placements 1 and ½, so S10 = S01 = ⅛, variance ⅛."""
    found = areas(np.array([True, True, False, False]), np.array([[3.0, 1, 2, 0]]))
    assert found is not None
    assert found.values[0] == 0.75
    assert found.covariance[0, 0] == pytest.approx(1 / 8)


def test_copies_of_images_make_nothing_surer_by_patient() -> None:
    generator = np.random.default_rng(0)
    positive = np.arange(60) % 2 == 0
    a, b = generator.normal(size=(2, 60)) + positive
    once = delong(positive, a, b)
    copied = [np.repeat(it, 4) for it in (positive, a, b, np.arange(60))]
    again = delong(*copied)
    naive = delong(*copied[:3])
    assert once is not None
    assert again is not None
    assert naive is not None
    assert again.standard_error == pytest.approx(once.standard_error)
    assert naive.standard_error < 0.55 * once.standard_error


def test_equal_models_differ_in_one_of_twenty_tests() -> None:
    generator = np.random.default_rng(1)
    positive = np.arange(100) % 2 == 0
    shared = generator.normal(size=(400, 1, 100)) + 1.2 * positive
    scores = shared + 0.5 * generator.normal(size=(400, 2, 100))
    values = [test.p for a, b in scores if (test := delong(positive, a, b)) and test.p is not None]
    assert len(values) == 400
    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.025)


def test_what_is_not_defined() -> None:
    positive, score = np.array([True, False, False]), np.array([1.0, 2.0, 3.0])
    assert areas(positive, score[None]) is None
    assert areas(~positive, score[None], np.array([0, 1, 1])) is None
    alike = delong(
        np.array([True, True, False, False]), *np.array([[4.0, 1, 2, 0], [8.0, 3, 5, 1]])
    )
    assert alike is not None
    assert (alike.difference, alike.p, alike.z) == (0, None, None)
