"""Every figure of predictions with its 95 % interval, by patients.

Accuracy, sensitivity and specificity are proportions of a fixed number of images and have Wilson's
interval (`proportion`). All else has the spread that a bootstrap over patients shows (`bootstrap`,
`spread`). A figure that compares classes has no interval if one of them has a single patient.

Where every resample agrees, as at an AUROC of 1, the interval still has a width. Without an error
among the images of the smallest class a part of such images could be errors all the same: by
Wilson's interval, z² / (n + z²) of n. An AUROC of 1 could be less by as much, if that part of the
class lay below all others.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from medxfer.evaluation.bootstrap import RESAMPLES
from medxfer.evaluation.curves import auroc
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.metrics import report, summary
from medxfer.evaluation.predictions import Floats, Predictions
from medxfer.evaluation.sample import Sample
from medxfer.evaluation.spread import Range, around, range_of
from medxfer.evaluation.weighted import class_figures, figures

CLASS_FIGURES = ("sensitivity", "specificity", "precision", "f1", "auroc")


def estimates(
    predictions: Predictions, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Every figure of `metrics.summary`, by the same names, at the threshold of the predictions.

    Images of unknown truth are left out.
    """
    sample, values = Sample(predictions), summary(predictions)
    replicates = figures(sample.resampled(resamples, seed), sample.positive)
    found = {}
    for name, value in values.items():
        within, degrees = range_of(name, sample.classes), sample.degrees(name)
        found[name] = around(value, replicates[name], within, degrees, sample.doubt(name))
    found["accuracy"] = sample.accuracy.estimate
    if sample.positive is not None:
        found["sensitivity"] = sample.sensitivity(sample.positive).estimate
        found["specificity"] = sample.specificity(sample.positive).estimate
    return found


def class_estimates(
    predictions: Predictions, resamples: int = RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """One row a class, judged against the rest, at the threshold of the predictions.

    Columns class, n (images), patients, and for each of `CLASS_FIGURES` its value and, as
    `…_low` and `…_high`, its interval; NaN where not defined. Images of unknown truth are left
    out.
    """
    sample = Sample(predictions)
    replicates = class_figures(sample.resampled(resamples, seed))
    values = report(sample.predictions)
    rows = []
    for cls, name in enumerate(predictions.classes):
        row = {
            "class": name,
            "n": values["support"][cls],
            "patients": sample.patients.by_class[cls],
        }
        for figure in CLASS_FIGURES:
            row |= _columns(figure, _class_estimate(sample, figure, cls, values, replicates))
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(table.columns[3:], np.float64))


def _class_estimate(
    sample: Sample, figure: str, cls: int, values: pd.DataFrame, replicates: dict[str, Floats]
) -> Estimate:
    match figure:
        case "sensitivity":
            return sample.sensitivity(cls).estimate
        case "specificity":
            return sample.specificity(cls).estimate
        case "auroc":
            known = sample.predictions
            value = auroc(known.truth == cls, known.probabilities[:, cls])
        case _:
            value = None if np.isnan(values[figure][cls]) else float(values[figure][cls])
    precision = figure == "precision"
    doubt = sample.doubt_of_precision(cls) if precision else sample.doubt_against_rest(cls)
    degrees = sample.degrees_against_rest(cls)
    return around(value, replicates[figure][:, cls], Range(), degrees, doubt)


def _columns(figure: str, estimate: Estimate) -> dict[str, float | None]:
    return {
        figure: estimate.value,
        f"{figure}_low": estimate.low,
        f"{figure}_high": estimate.high,
    }
