"""Figures by group, and the mark where a group stands apart."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from simulated_cases import simulated

from medxfer.errors import EvaluationError
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.proportion import wilson
from medxfer.evaluation.subgroups import by_subgroup


def estimates(part: Predictions) -> dict[str, Estimate]:
    right = part.predicted == part.truth
    return {
        "accuracy": wilson(float(right.sum()), len(part)),
        "auroc": Estimate(summary(part)["auroc"]),
    }


def test_each_group_is_its_part_and_is_compared_with_all_others() -> None:
    predictions = simulated(300, per_patient=3)
    sex = pd.Series(np.where(np.arange(300) < 120, "F", "M"), name="sex")
    found = by_subgroup(predictions, sex, estimates)
    women = found.table[found.table["group"] == "F"].set_index("figure")
    assert list(women.index) == ["accuracy", "auroc"]
    own, rest = (
        estimates(predictions.only(rows)) for rows in (np.arange(120), np.arange(120, 300))
    )
    for figure in ("accuracy", "auroc"):
        assert women.loc[figure, "value"] == own[figure].value
        assert women.loc[figure, "rest_value"] == rest[figure].value
    assert women.loc["accuracy", ["n", "patients"]].tolist() == [120, 40]
    assert women.loc["accuracy", "low"] == own["accuracy"].low
    assert np.isnan(women.loc["auroc", "low"])
    assert found.comparisons == 2
    assert "Among 2 comparisons" in found.note


def test_of_two_groups_each_is_the_rest_of_the_other() -> None:
    """Figures are dear: two groups cost two, not four."""
    judged = []

    def counted(part: Predictions) -> dict[str, Estimate]:
        judged.append(len(part))
        return estimates(part)

    sex = pd.Series(np.where(np.arange(100) < 40, "F", "M"), name="sex")
    table = by_subgroup(simulated(100), sex, counted, ("accuracy",)).table
    assert judged == [40, 60]
    assert table["value"].tolist() == table["rest_value"].tolist()[::-1]
    site = pd.Series(np.array(["A", "B", "C"])[np.arange(100) % 3], name="site")
    by_subgroup(simulated(100), site, counted)
    assert sorted(judged[2:]) == [33, 33, 34, 66, 67, 67]


def test_a_group_that_is_worse_is_marked_and_no_other() -> None:
    predictions = simulated(600)
    site = np.array(["A", "B", "C"])[np.arange(600) % 3]
    logits = predictions.logits.copy()
    logits[site == "C"] *= -1
    worse = Predictions(predictions.classes, predictions.facts, predictions.truth, logits)
    table = by_subgroup(worse, pd.Series(site, name="site"), estimates, ("accuracy",)).table
    assert table.set_index("group").loc["C", "apart"]
    same = by_subgroup(predictions, pd.Series(site, name="site"), estimates).table
    assert not same["apart"].any()


def test_a_tiny_group_is_listed_without_figures() -> None:
    predictions = simulated(100)
    view = pd.Series(["AP"] * 5 + ["PA"] * 95, name="view")
    found = by_subgroup(predictions, view, estimates)
    tiny = found.table[found.table["group"] == "AP"]
    assert tiny["n"].tolist() == [5, 5]
    assert tiny["value"].isna().all()
    assert tiny["rest_value"].notna().all()
    assert not tiny["apart"].any()
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert stored["groups"][0]["value"] is None
    all_tiny = by_subgroup(simulated(6), pd.Series(list("ababab"), name="x"), estimates)
    assert all_tiny.table["value"].isna().all()
    assert set(all_tiny.table["group"]) == {"a", "b"}


def test_images_are_found_by_their_id_and_unknown_truth_does_not_count() -> None:
    predictions = simulated(40)
    truth = predictions.truth.copy()
    truth[:10] = -1
    hidden = Predictions(predictions.classes, predictions.facts, truth, predictions.logits)
    column = pd.Series({f"i{at}": "even" if at % 2 == 0 else "odd" for at in range(39, -1, -1)})
    column.name = "parity"
    table = by_subgroup(hidden, column.drop("i38"), estimates).table
    assert table.groupby("group", sort=False)["n"].first().to_dict() == {
        "even": 14, "odd": 15, "unknown": 1,
    }  # fmt: skip


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(EvaluationError, match="has 3 values for 10 images"):
        by_subgroup(simulated(10), pd.Series(["a", "b", "c"], name="x"), estimates)
