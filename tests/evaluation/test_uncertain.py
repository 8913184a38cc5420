"""The band meets its wish with the fewest images in it, by brute force."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_cases import binary, simulated

from medxfer.errors import EvaluationError
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.uncertain import UNCERTAIN, UncertainBand, outside, uncertain_band


def brute_force(predictions: Predictions, threshold: float, wishes: dict[str, float]) -> float:
    """The least share of images in a band round the threshold that meets the wishes."""
    score, sick = predictions.probabilities[:, 1], predictions.truth == 1
    ends = [0.0, *np.unique(score), threshold, 1.1]
    shares = [np.inf]
    for low, high in itertools.product(ends, ends):
        if not low <= threshold <= high:
            continue
        called, sent = score >= high, score < low
        given_ = called | sent
        if not (given_ & sick).any() or not (given_ & ~sick).any():
            continue
        reached = {
            "accuracy": ((called & sick) | (sent & ~sick)).sum() / given_.sum(),
            "sensitivity": (called & sick).sum() / (given_ & sick).sum(),
            "specificity": (sent & ~sick).sum() / (given_ & ~sick).sum(),
        }
        if all(reached[name] >= wish - 1e-9 for name, wish in wishes.items()):
            shares.append(1 - given_.mean())
    return min(shares)


@given(
    st.integers(0, 1000),
    st.dictionaries(st.sampled_from(["accuracy", "sensitivity", "specificity"]), st.floats(0.5, 1)),
    st.sampled_from([0.3, 0.5]),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_smallest_band_that_reaches_it(
    seed: int, wishes: dict[str, float], threshold: float
) -> None:
    predictions = simulated(25, seed=seed)
    if len(np.unique(predictions.truth)) < 2:
        return
    least = brute_force(predictions, threshold, wishes)
    if np.isinf(least):
        with pytest.raises(EvaluationError, match="No band reaches this"):
            uncertain_band(predictions, threshold, **wishes)
        return
    band = uncertain_band(predictions, threshold, **wishes)
    assert band.share == pytest.approx(least)
    assert band.low <= threshold <= band.high
    result = outside(predictions, band)
    assert result.uncertain.value == pytest.approx(band.share)
    for name, wish in wishes.items():
        assert getattr(result, name).value >= wish - 1e-9


def test_by_hand() -> None:
    predictions = binary([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.7, 0.9])
    band = uncertain_band(predictions, accuracy=1.0)
    assert (band.low, band.high) == (pytest.approx(0.25), pytest.approx(0.65))
    assert band.answers(predictions).tolist() == [0, 0, UNCERTAIN, UNCERTAIN, 1, 1]
    assert band.share == pytest.approx(2 / 6)
    sure = uncertain_band(predictions, sensitivity=1.0)  # the false alarm keeps its answer
    assert (sure.low, sure.high) == (pytest.approx(0.25), 0.5)
    assert UncertainBand.from_json(json.loads(json.dumps(band.to_json()))) == band


def test_no_wish_no_band() -> None:
    band = uncertain_band(simulated(50), 0.4)
    assert (band.low, band.high, band.share) == (0.4, 0.4, 0.0)
    predictions = simulated(50, seed=5)
    np.testing.assert_array_equal(band.answers(predictions), predictions.at(0.4).predicted)


def test_it_holds_on_other_images_and_is_quick_for_many() -> None:
    band = uncertain_band(simulated(20_000), accuracy=0.9)
    result = outside(simulated(20_000, seed=1), band)
    assert result.accuracy.value == pytest.approx(0.9, abs=0.01)
    assert result.uncertain.value == pytest.approx(band.share, abs=0.02)
    assert set(result.to_json()) == {"uncertain", "accuracy", "sensitivity", "specificity"}


def test_wrong_wishes() -> None:
    with pytest.raises(EvaluationError, match="from 0 to 1"):
        uncertain_band(simulated(20), accuracy=1.5)
    with pytest.raises(EvaluationError, match="Choose it again"):
        UncertainBand.from_json({})
