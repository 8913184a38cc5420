"""Temperature scaling: one number, fitted on validation, that makes answers less or more certain.

It never changes which class is the most probable, nor the AUROC of two classes; with more, the
order of one class's probabilities over images may change a little. Guo et al. 2017.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from medxfer.errors import EvaluationError
from medxfer.evaluation.predictions import Floats, Ints, Predictions

_FEWEST = 20
"""Images; below, the temperature says more about chance than about the network."""
_LOWEST, _HIGHEST = 0.01, 100.0


def fit_temperature(predictions: Predictions) -> float:
    """The temperature with the least log loss; give the validation images, never the test ones.

    Above 1 the answers were too certain. Images of unknown truth are left out.

    Raises:
        EvaluationError: too few images, images of one class only, no fault to learn from, or
            answers no better than chance.
    """
    truth, logits = predictions.known.truth, predictions.known.logits
    _refuse_what_has_no_temperature(truth, logits)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        tempered = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-tempered[rows, truth].mean())

    # Convex in 1 / T, so there is one minimum in log T as well.
    bounds = (np.log(_LOWEST), np.log(_HIGHEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    temperature = float(np.exp(found.x))
    if not _LOWEST * 1.01 < temperature < _HIGHEST / 1.01:
        raise EvaluationError(
            f"No temperature between {_LOWEST:g} and {_HIGHEST:g} fits these answers.",
            "Use the probabilities as they are, or validate on more images.",
        )
    return temperature


def _refuse_what_has_no_temperature(truth: Ints, logits: Floats) -> None:
    if len(truth) < _FEWEST:
        raise EvaluationError(
            f"No temperature can be fitted to {len(truth)} validation images; "
            f"it takes at least {_FEWEST}.",
            "Validate on more images.",
        )
    if len(np.unique(truth)) == 1:
        raise EvaluationError(
            "No temperature can be fitted: all validation images are of one class.",
            "Validate on images of every class.",
        )
    right = logits[np.arange(len(truth)), truth]
    if (right >= logits.max(axis=1)).all():
        raise EvaluationError(
            "No temperature can be fitted: every validation image was answered rightly, so more "
            "certain would always seem better.",
            "Use the probabilities as they are, or validate on more images.",
        )
    if right.mean() <= logits.mean():
        raise EvaluationError(
            "No temperature can be fitted: the answers are no better than chance.",
            "Train longer or look at the labels first.",
        )
