"""Every figure of predictions with its 95 % interval, by patients.

Accuracy, sensitivity, specificity and the predictive values are proportions of images and have
Wilson's interval (`proportion`). Brier score and log loss are means over images and have the spread
of the patients' means (`spread`). All else has the spread that a bootstrap over patients shows
(`bootstrap`), which keeps the patients of each class: what else depends on how common the classes
are (F1, average precision, Matthews correlation) is about the mix of these images. A figure that
compares classes has no interval if one of them has a single patient.

Where every resample agrees, as at an AUROC of 1, the interval still has a width. Without an error
among the images of the smallest class a part of such images could be errors all the same: by
Wilson's interval, z² / (n + z²) of n. An AUROC of 1 could be less by as much, if that part of the
class lay below all others.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from medxfer.evaluation.bootstrap import RESAMPLES
from medxfer.evaluation.curves import auroc
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.metrics import report, summary
from medxfer.evaluation.predictions import Floats, Predictions
from medxfer.evaluation.sample import Sample
from medxfer.evaluation.spread import Range, around, range_of
from medxfer.evaluation.weighted import Replicates, class_figures, figures

CLASS_FIGURES = ("sensitivity", "specificity", "precision", "f1", "auroc")


class Intervals:
    """Figures of predictions at their threshold, overall and by class, from the same resamples.

    Each is made when first asked for; keep the object where both are wanted. Images of unknown
    truth are left out. There are fewer resamples for very many images or classes (`resampled`).
    """

    def __init__(self, predictions: Predictions, resamples: int = RESAMPLES, seed: int = 0) -> None:
        self._sample = Sample(predictions)
        self._asked = (resamples, seed)

    @cached_property
    def overall(self) -> dict[str, Estimate]:
        """Every figure of `metrics.summary`, by the same names."""
        sample, values = self._sample, summary(self._sample.predictions)
        replicates = figures(self._replicates, sample.positive)
        found = {}
        for name, value in values.items():
            within, degrees = range_of(name, sample.classes), sample.degrees(name)
            found[name] = around(value, replicates[name], within, degrees, sample.doubt(name))
        found |= {"brier": sample.brier, "log_loss": sample.log_loss}
        found["accuracy"] = sample.accuracy.estimate
        if sample.positive is not None:
            found["sensitivity"] = sample.sensitivity(sample.positive).estimate
            found["specificity"] = sample.specificity(sample.positive).estimate
            found["ppv"] = sample.precision(sample.positive).estimate
            found["npv"] = sample.precision(1 - sample.positive).estimate
        return found

    @cached_property
    def by_class(self) -> pd.DataFrame:
        """One row a class, judged against the rest.

        Columns class, n (images), patients, and for each of `CLASS_FIGURES` its value and, as
        `…_low` and `…_high`, its interval; NaN where not defined.
        """
        sample, values = self._sample, report(self._sample.predictions)
        replicates = class_figures(self._replicates)
        rows = []
        for cls, name in enumerate(sample.predictions.classes):
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

    @cached_property
    def _replicates(self) -> Replicates:
        return self._sample.resampled(*self._asked)


def estimates(
    predictions: Predictions, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """`Intervals.overall` where the classes are not wanted."""
    return Intervals(predictions, resamples, seed).overall


def _class_estimate(
    sample: Sample, figure: str, cls: int, values: pd.DataFrame, replicates: dict[str, Floats]
) -> Estimate:
    match figure:
        case "sensitivity":
            return sample.sensitivity(cls).estimate
        case "specificity":
            return sample.specificity(cls).estimate
        case "precision":
            return sample.precision(cls).estimate
        case "auroc":
            known = sample.predictions
            value = auroc(known.truth == cls, known.probabilities[:, cls])
        case _:
            value = None if np.isnan(values[figure][cls]) else float(values[figure][cls])
    doubt, degrees = sample.doubt_against_rest(cls), sample.degrees_against_rest(cls)
    return around(value, replicates[figure][:, cls], Range(), degrees, doubt)


def _columns(figure: str, estimate: Estimate) -> dict[str, float | None]:
    return {
        figure: estimate.value,
        f"{figure}_low": estimate.low,
        f"{figure}_high": estimate.high,
    }
