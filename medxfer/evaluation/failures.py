"""The images worth looking at: confidently wrong, and barely right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from medxfer.evaluation.curves import Flags
from medxfer.evaluation.predictions import Floats, Predictions


@dataclass(frozen=True)
class Failures:
    """Rows of `Predictions.table`, with the columns confidence and margin behind."""

    wrong: pd.DataFrame
    """Answered wrongly, the most confident first."""
    barely_right: pd.DataFrame
    """Answered rightly, the smallest margin first."""


def by_class(predictions: Predictions, most: int = 12) -> dict[str, Failures]:
    """At most so many failures of each kind for every true class."""
    return {
        name: Failures(
            confidently_wrong(predictions, cls, most), barely_right(predictions, cls, most)
        )
        for cls, name in enumerate(predictions.classes)
    }


def confidently_wrong(
    predictions: Predictions, cls: int | None = None, most: int | None = None
) -> pd.DataFrame:
    """The wrong answers with the largest probability for the class called.

    Only of images of true class index `cls`, if given. Equals stay in their order.
    """
    wrong = (predictions.truth >= 0) & (predictions.truth != predictions.predicted)
    return _rows(predictions, _of(predictions, wrong, cls), -_confidence(predictions), most)


def barely_right(
    predictions: Predictions, cls: int | None = None, most: int | None = None
) -> pd.DataFrame:
    """The right answers with the smallest margin; as `confidently_wrong` for the rest."""
    right = predictions.truth == predictions.predicted
    return _rows(predictions, _of(predictions, right, cls), margin(predictions), most)


def margin(predictions: Predictions) -> Floats:
    """(n,) how far the probability of the class called is ahead of the next one, 0 to 1.

    With a threshold, twice the distance from it (the same for 0.5), so up to 2.
    """
    p = predictions.probabilities
    if predictions.threshold is not None:
        away = p[:, predictions.positive] - predictions.threshold
        return np.asarray(2 * np.abs(away), dtype=np.float64)
    first, second = -np.partition(-p, 1, axis=1)[:, :2].T
    return np.asarray(first - second, dtype=np.float64)


def _confidence(predictions: Predictions) -> Floats:
    chosen = predictions.probabilities[np.arange(len(predictions)), predictions.predicted]
    return np.asarray(chosen, dtype=np.float64)


def _of(predictions: Predictions, rows: Flags, cls: int | None) -> Flags:
    return rows if cls is None else rows & (predictions.truth == cls)


def _rows(predictions: Predictions, chosen: Flags, key: Floats, most: int | None) -> pd.DataFrame:
    places = np.flatnonzero(chosen)
    places = places[np.argsort(key[places], kind="stable")][:most]
    table = predictions.table()
    table["confidence"], table["margin"] = _confidence(predictions), margin(predictions)
    return table.iloc[places].reset_index(drop=True)
