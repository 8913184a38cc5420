"""What a simple model says of each image, learned from the images of other patients only."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Features = NDArray[np.floating]
Indices = NDArray[np.int64]
Probabilities = NDArray[np.float64]

FOLDS = 5
_INNER_FOLDS = 3
FEWEST_PATIENTS = 3
"""Patients of a class without whom it cannot be both learned and judged."""
_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""The inverse regularisation (C of scikit-learn, on standardised features) that is chosen from."""
_CHOSEN_ON = 4000
"""Images at most that a strength is chosen on: more change the choice little, and take long."""
_STEPS = 1000


def out_of_fold(
    features: Features, targets: Indices, patients: Indices, seed: int
) -> Probabilities:
    """(n, k): the probability of each class by a model that saw no image of the same patient.

    Logistic regression on standardised `features` (n, d), in at most five folds stratified by class
    and grouped by patient; how strongly it is held back is chosen inside each fold, by the log loss
    on patients left out there. `targets` are 0 to k - 1, each of at least `FEWEST_PATIENTS`
    patients. A row is NaN where the fold held all images of its class.
    """
    classes = int(targets.max()) + 1
    fewest = int(pd.Series(patients).groupby(targets).nunique().min())
    folds = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    found = np.full((len(targets), classes), np.nan)
    for learned, judged in folds.split(features, targets, patients):
        strength = _strength(features[learned], targets[learned], patients[learned], seed)
        model = _model(strength).fit(features[learned], targets[learned])
        said = np.zeros((len(judged), classes))
        said[:, model.classes_] = model.predict_proba(features[judged])
        known = np.isin(targets[judged], model.classes_)
        found[judged[known]] = said[known]
    return found


def _strength(features: Features, targets: Indices, patients: Indices, seed: int) -> float:
    """The one of `_STRENGTHS` that is best on patients left out."""
    rows = _sample(patients, seed)
    features, targets, patients = features[rows], targets[rows], patients[rows]
    fewest = int(pd.Series(patients).groupby(targets).nunique().min())
    if fewest < _INNER_FOLDS:
        return _STRENGTHS[len(_STRENGTHS) // 2]
    folds = StratifiedGroupKFold(_INNER_FOLDS, shuffle=True, random_state=seed)
    losses = np.zeros(len(_STRENGTHS))
    for learned, judged in folds.split(features, targets, patients):
        for at, strength in enumerate(_STRENGTHS):
            model = _model(strength).fit(features[learned], targets[learned])
            known = judged[np.isin(targets[judged], model.classes_)]
            said = model.predict_proba(features[known])
            losses[at] += len(known) * log_loss(targets[known], said, labels=model.classes_)
    return _STRENGTHS[int(losses.argmin())]


def _sample(patients: Indices, seed: int) -> Indices:
    """Rows of as many whole patients, drawn at random, as `_CHOSEN_ON` images hold."""
    order = np.random.default_rng(seed).permutation(int(patients.max()) + 1)[patients]
    sorted_rows = np.argsort(order, kind="stable")
    if len(patients) <= _CHOSEN_ON:
        return np.arange(len(patients))
    return np.sort(sorted_rows[order[sorted_rows] < order[sorted_rows[_CHOSEN_ON]]])


def _model(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=_STEPS))
