"""How sure a ROC curve is."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd

from medxfer.errors import EvaluationError
from medxfer.evaluation.bootstrap import draws
from medxfer.evaluation.curves import Flags, ends_of_ties, roc
from medxfer.evaluation.predictions import Floats, Ints, Predictions
from medxfer.evaluation.sample import Sample
from medxfer.evaluation.spread import Range, around

_POINTS = 101


def roc_band(
    predictions: Predictions, cls: int, resamples: int = 500, seed: int = 0
) -> pd.DataFrame:
    """The ROC curve of class index `cls` with, at each false positive rate, the 95 % interval.

    Columns fpr (0, 0.01, … 1), tpr, low, high; low and high are NaN with a single patient of the
    class or of the rest. Each interval holds for its own rate, not for the curve as a whole; it
    is made as that of any figure (`spread`). Images of unknown truth are left out.

    Raises:
        EvaluationError: no image of the class, or none of another.
    """
    curve = roc(predictions, cls)
    sample = Sample(predictions)
    known = sample.predictions
    fpr = np.linspace(0, 1, _POINTS)
    tpr = np.interp(fpr, curve["false_positive_rate"], curve["true_positive_rate"])
    order = np.argsort(-known.probabilities[:, cls], kind="stable")
    ranked = known.probabilities[order, cls]
    last = ends_of_ties(ranked)
    positive = known.truth[order] == cls
    owner = sample.patients.of_image[order]
    drawn = (
        _curve(weights[owner], positive, last, fpr)
        for chunk in draws(sample.patients, resamples, seed, at_once=16)
        for weights in chunk
    )
    replicates = np.array(list(drawn))
    degrees, doubt = sample.degrees_against_rest(cls), sample.doubt_against_rest(cls)
    band = [around(float(value), replicates[:, at], Range(), degrees, doubt)
            for at, value in enumerate(tpr)]  # fmt: skip
    ends = np.array([(it.low, it.high) for it in band], dtype=np.float64)
    ends[-1] = 1  # whatever the images: who calls all finds all
    return pd.DataFrame({"fpr": fpr, "tpr": tpr, "low": ends[:, 0], "high": ends[:, 1]})


def roc_bands(predictions: Predictions, most: int = 4) -> dict[int, pd.DataFrame]:
    """`roc_band` of the positive of two classes, or of the first of more, by class index.

    Classes without a curve, or whose curve has no interval, are left out.
    """
    bands = {}
    for cls in predictions.judged_classes[:most]:
        with suppress(EvaluationError):
            band = roc_band(predictions, cls)
            if band["low"].notna().all():
                bands[cls] = band
    return bands


def _curve(weights: Floats, positive: Flags, last: Ints, fpr: Floats) -> Floats:
    """The true positive rate of one resample at each of `fpr`; `last` are the ends of ties."""
    true = np.append(0, np.cumsum(weights * positive)[last])
    false = np.append(0, np.cumsum(weights * ~positive)[last])
    if not (true[-1] and false[-1]):
        return np.full(len(fpr), np.nan)
    curve: Floats = np.interp(fpr, false / false[-1], true / true[-1])
    return curve
