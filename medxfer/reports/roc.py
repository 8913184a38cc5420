"""ROC curves with a band: how sure the sensitivity is at each share of false alarms."""

from __future__ import annotations

import numpy as np

from medxfer.errors import EvaluationError
from medxfer.evaluation.bootstrap import Patients, draws
from medxfer.evaluation.curves import roc
from medxfer.evaluation.estimate import LEVEL
from medxfer.evaluation.intervals import class_estimates
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.predictions import Floats, Predictions
from medxfer.reports.svg import Line

_GRID = np.linspace(0, 1, 101)
_RESAMPLES = 1000
_AT_ONCE = 100
_TWO = 2
_MOST_CURVES = 4


def roc_lines(predictions: Predictions) -> list[Line]:
    """The curve of the positive of two classes, or of each of more; none where not defined.

    Of more than four classes only the first four are drawn.
    """
    classes = predictions.classes
    chosen = [positive_class(classes)] if len(classes) == _TWO else range(len(classes))
    areas = class_estimates(predictions)["auroc"]
    lines = []
    for cls in list(chosen)[:_MOST_CURVES]:
        try:
            curve = roc(predictions, cls)
        except EvaluationError:
            continue
        sensitivity = _on_grid(
            curve["false_positive_rate"].to_numpy(), curve["true_positive_rate"].to_numpy()
        )
        low, high = roc_band(predictions, cls)
        low, high = np.minimum(low, sensitivity), np.maximum(high, sensitivity)
        label = f"{classes[cls]}, AUROC {areas[cls]:.3f}"
        x, y, *band = (values.tolist() for values in (_GRID, sensitivity, low, high))
        lines.append(Line(label, x, y, *band))
    return lines


def roc_band(predictions: Predictions, cls: int, seed: int = 0) -> tuple[Floats, Floats]:
    """(101,) least and (101,) greatest sensitivity at 1 - specificity of 0, 0.01, … 1.

    The 95 % percentile interval at each point, from resamples of patients (vertical averaging,
    Fawcett 2006). It is not a band for the whole curve at once.
    """
    known = predictions.only(predictions.truth >= 0)
    patients = Patients.of(known)
    score = known.probabilities[:, cls]
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    positive = (known.truth == cls)[order]
    of_image = patients.of_image[order]
    curves = []
    for weights in draws(patients, _RESAMPLES, seed, _AT_ONCE):
        images = weights[:, of_image]
        hit = np.cumsum(images * positive, axis=1)[:, last]
        alarm = np.cumsum(images * ~positive, axis=1)[:, last]
        defined = (hit[:, -1] > 0) & (alarm[:, -1] > 0)
        curves += [
            _on_grid(np.append(0, one / one[-1]), np.append(0, other / other[-1]))
            for one, other in zip(alarm[defined], hit[defined], strict=True)
        ]
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(np.asarray(curves), [tail, 100 - tail], axis=0)
    return low, high


def _on_grid(alarm: Floats, hit: Floats) -> Floats:
    """Sensitivity at each share of false alarms: the greatest at a step, straight between."""
    last_of_step = np.append(np.flatnonzero(np.diff(alarm)), len(alarm) - 1)
    return np.asarray(np.interp(_GRID, alarm[last_of_step], hit[last_of_step]), dtype=np.float64)
