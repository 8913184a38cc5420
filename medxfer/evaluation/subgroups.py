"""Is the model as good for some as for others: figures by age, sex, site, view or any column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from medxfer.errors import EvaluationError
from medxfer.evaluation.estimate import Estimate, plain_rows
from medxfer.evaluation.grouping import groups
from medxfer.evaluation.predictions import Predictions

Estimates = dict[str, Estimate]
FIGURES = ("accuracy", "auroc", "sensitivity", "specificity")
_TWO = 2
_FEWEST = 10
"""Images, below which no figure of a group is given."""
_UNDEFINED = Estimate(None)


@dataclass(frozen=True)
class Subgroups:
    """Figures by group of one column.

    `table` has one row a group and figure: group, n (images of known truth), patients, figure,
    value, low, high, rest_value, rest_low, rest_high (the same figure over all other images), and
    apart: whether the two intervals do not touch. Not defined is NaN.
    """

    column: str
    table: pd.DataFrame

    @property
    def comparisons(self) -> int:
        """How many pairs of intervals could be compared."""
        return int(self.table[["low", "rest_low"]].notna().all(axis=1).sum())

    @property
    def note(self) -> str:
        """How to read a mark."""
        return (
            f"A mark says that the 95 % interval of a group does not touch that of all other "
            f"images. Among {self.comparisons} comparisons some may be marked by chance, and "
            f"small groups that truly differ may not be; a mark is a reason to look, not a proof."
        )

    def to_json(self) -> dict[str, Any]:
        """As it stands in the answers of the command line; not defined is None."""
        return {"column": self.column, "note": self.note, "groups": plain_rows(self.table)}


def by_subgroup(
    predictions: Predictions,
    column: pd.Series[Any],
    estimates: Callable[[Predictions], Estimates],
    figures: tuple[str, ...] = FIGURES,
) -> Subgroups:
    """Figures with intervals for every group of a column, and where one stands apart.

    `column` has one value an image, in the order of the predictions, or image ids as its index
    (then images that it lacks are unknown). For the groups see `grouping.groups`. `estimates` gives
    the figures of a part with their intervals; those it does not give are left out. Each group
    is compared with all other images, not with a whole that it is part of. A group of fewer than
    10 images of known truth is listed without figures.

    Raises:
        EvaluationError: the column does not fit the images, or does not group them.
    """
    judged = predictions.truth >= 0
    known = predictions.only(judged)
    names, place = groups(_aligned(predictions, column)[judged])
    parts = [known.only(place == at) for at in range(len(names))]
    owns = [_of(part, estimates) for part in parts]
    if len(names) == _TWO:
        rests = owns[::-1]
    else:
        rests = [_of(known.only(place != at), estimates) for at in range(len(names))]
    rows: list[dict[str, Any]] = []
    for name, part, own, rest in zip(names, parts, owns, rests, strict=True):
        listed = [figure for figure in figures if figure in own or figure in rest]
        for figure in listed or list(figures):
            here, there = own.get(figure, _UNDEFINED), rest.get(figure, _UNDEFINED)
            rows.append(
                {
                    "group": name,
                    "n": len(part),
                    "patients": int(part.facts["patient"].nunique()),
                    "figure": figure,
                    **_ends(here, ""),
                    **_ends(there, "rest_"),
                    "apart": _apart(here, there),
                }
            )
    return Subgroups(str(column.name), pd.DataFrame(rows))


def _aligned(predictions: Predictions, column: pd.Series[Any]) -> pd.Series[Any]:
    images = predictions.facts["image"]
    if column.index.isin(images).any() and column.index.is_unique:
        return column.reindex(images.to_numpy()).reset_index(drop=True)
    if len(column) != len(predictions):
        raise EvaluationError(
            f"The column '{column.name}' has {len(column)} values for {len(predictions)} images.",
            "Give one value an image, or image ids as the index.",
        )
    return column.reset_index(drop=True)


def _of(part: Predictions, estimates: Callable[[Predictions], Estimates]) -> Estimates:
    return estimates(part) if len(part) >= _FEWEST else {}


def _ends(estimate: Estimate, prefix: str) -> dict[str, float]:
    return {
        prefix + name: np.nan if end is None else end for name, end in estimate.to_json().items()
    }


def _apart(one: Estimate, other: Estimate) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low > other.high or other.low > one.high
