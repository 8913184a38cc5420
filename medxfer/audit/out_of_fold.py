"""What a simple model says of each image, learned from the images of other patients only."""

from __future__ import annotations

from collections.abc import Iterator

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
_OF_EACH = 2 * _INNER_FOLDS
"""Patients of each class that a strength is chosen on at least, if there are so many."""
_STEPS = 1000


def out_of_fold(
    features: Features, targets: Indices, patients: Indices, seed: int
) -> Probabilities:
    """(n, k): the probability of each class by a model that saw no image of the same patient.

    Logistic regression on standardised `features` (n, d), in at most five folds stratified by class
    and grouped by patient; how strongly it is held back is chosen inside each fold, by the log loss
    on patients left out there. `targets` are 0 to k - 1, each of at least `FEWEST_PATIENTS`
    patients. A row is NaN where the fold held all images of its class, or of all classes but one.
    """
    fewest = _fewest(targets, patients)
    found = np.full((len(targets), int(targets.max()) + 1), np.nan)
    for learned, judged in _folds(min(FOLDS, fewest), targets, patients, seed):
        strength = _strength(features[learned], targets[learned], patients[learned], seed)
        model = _model(strength).fit(features[learned], targets[learned])
        said = np.zeros((len(judged), found.shape[1]))
        said[:, model.classes_] = model.predict_proba(features[judged])
        found[judged] = said
    return found


def _strength(features: Features, targets: Indices, patients: Indices, seed: int) -> float:
    """The one of `_STRENGTHS` that is best on patients left out."""
    rows = _sample(targets, patients, seed)
    features, targets, patients = features[rows], targets[rows], patients[rows]
    losses = np.zeros(len(_STRENGTHS))
    if _fewest(targets, patients) >= _INNER_FOLDS:
        for learned, judged in _folds(_INNER_FOLDS, targets, patients, seed):
            for at, strength in enumerate(_STRENGTHS):
                model = _model(strength).fit(features[learned], targets[learned])
                said = model.predict_proba(features[judged])
                losses[at] += len(judged) * log_loss(targets[judged], said, labels=model.classes_)
    return _STRENGTHS[int(losses.argmin()) if losses.any() else len(_STRENGTHS) // 2]


def _folds(
    number: int, targets: Indices, patients: Indices, seed: int
) -> Iterator[tuple[Indices, Indices]]:
    """Rows to learn from and to judge, by patient; judged are only classes that were learned.

    A fold is left out if fewer than two classes could be learned without it.
    """
    folds = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
    for learned, left_out in folds.split(targets, targets, patients):
        classes = np.unique(targets[learned])
        judged = left_out[np.isin(targets[left_out], classes)]
        if len(classes) > 1 and len(judged):
            yield learned, judged


def _fewest(targets: Indices, patients: Indices) -> int:
    """Patients of the class that has the fewest."""
    return int(pd.Series(patients).groupby(targets).nunique().min())


def _sample(targets: Indices, patients: Indices, seed: int) -> Indices:
    """Rows of as many whole patients, drawn at random, as `_CHOSEN_ON` images hold.

    And of a few patients of each class: a rare one must not be lost.
    """
    if len(patients) <= _CHOSEN_ON:
        return np.arange(len(patients))
    turns = np.random.default_rng(seed).permutation(int(patients.max()) + 1)[patients]
    drawn = turns < np.sort(turns)[_CHOSEN_ON]
    people = pd.DataFrame({"turn": turns, "target": targets}).drop_duplicates()
    place = people.groupby("target")["turn"].rank()
    return np.flatnonzero(drawn | np.isin(turns, people["turn"][place <= _OF_EACH]))


def _model(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=_STEPS))
