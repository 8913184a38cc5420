"""How well a few numbers of each picture, and nothing else of it, tell the classes apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedGroupKFold

from medxfer.evaluation.estimate import LEVEL, Estimate

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FOLDS = 5
FEWEST_IN_CLASS = 3
"""A class with fewer patients cannot be learned and tested in turns; it is left out."""
FEWEST_PATIENTS = 50
"""With fewer an AUROC of 0.5 and one of 0.75 could not be told apart."""
MOST_CLASSES = 10
"""Of more, those with the most patients are tried; each costs as much as two classes do."""
MOST_IMAGES = 10_000
"""More are not needed to know an AUROC to two digits; a part of that size is drawn."""
RESAMPLES = 400
_SEED = 0


@dataclass(frozen=True)
class Trial:
    """The images that take part, their folds, and the resampled patients of the intervals.

    `rows` (n,) are places in the table; `targets`, `patients` and `folds` (n,) count from 0.
    `counts` (resamples + 1, patients) says how often each patient is in a resample; the first
    row is the data itself.
    """

    rows: Ints
    targets: Ints
    patients: Ints
    folds: Ints
    counts: NDArray[np.float32]


def why_not(labels: pd.Series[str], patients: pd.Series[str]) -> str:
    """Why these images cannot be tried on each other, in a sentence; "" if they can."""
    usable = labels.isin(_classes(labels, patients))
    if labels[usable].nunique() < 2:  # noqa: PLR2004
        return f"Fewer than two classes have {FEWEST_IN_CLASS} patients or more."
    people = patients[usable].nunique()
    if people < FEWEST_PATIENTS:
        return (
            f"Too few to tell: {people} patients. With fewer than {FEWEST_PATIENTS} chance alone "
            "looks like a pattern."
        )
    return ""


def plan_trial(labels: pd.Series[str], patients: pd.Series[str]) -> Trial:
    """Choose images, deal whole patients into folds and draw the resamples; `why_not` is "".

    Of more than `MOST_IMAGES` images a part is drawn, of each class about as many: an AUROC does
    not depend on how frequent a class is. The same images give the same trial.
    """
    random = np.random.default_rng(_SEED)
    classes = _classes(labels, patients)
    rows = np.flatnonzero(labels.isin(classes))
    if len(rows) > MOST_IMAGES:
        rows = _drawn(rows, labels, patients, MOST_IMAGES // len(classes), random)
    targets, _ = pd.factorize(labels.iloc[rows], sort=True)
    people, _ = pd.factorize(patients.iloc[rows])
    fewest = pd.Series(people).groupby(targets).nunique().min()
    folds = np.zeros(len(rows), dtype=np.int64)
    dealt = StratifiedGroupKFold(min(FOLDS, int(fewest)), shuffle=True, random_state=_SEED)
    for fold, (_, held_out) in enumerate(dealt.split(rows, targets, people)):
        folds[held_out] = fold
    counts = _resampled(targets, people, random)
    return Trial(rows.astype(np.int64), targets.astype(np.int64), people, folds, counts)


def separation(trial: Trial, numbers: pd.DataFrame) -> Estimate:
    """AUROC of the classes by these numbers alone, cross-validated by patient, with interval.

    For more than two classes the mean over each class against the rest. Small boosted trees
    (Ke et al. 2017, as in scikit-learn) learn on the other folds. Only images of the same fold
    are compared, since two fits do not share a scale (Airola et al. 2011). The interval is the
    middle 95 % over resamples of patients, drawn within each class; what other trees would have
    been learned from other patients is not in it.

    Args:
        trial: from `plan_trial`.
        numbers: (images of the whole table, features); NaN where unknown.
    """
    values = numbers.iloc[trial.rows].replace([np.inf, -np.inf], np.nan).to_numpy(np.float64)
    scores = _out_of_fold(trial, values)
    classes = range(1 if scores.shape[1] == 2 else 0, scores.shape[1])  # noqa: PLR2004
    each = [_ranked(trial, scores[:, number], trial.targets == number) for number in classes]
    aurocs = np.mean(each, axis=0)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(aurocs[1:], [tail, 1 - tail])
    return Estimate(float(aurocs[0]), float(low), float(high))


def _classes(labels: pd.Series[str], patients: pd.Series[str]) -> list[str]:
    people = patients.groupby(labels).nunique()
    return sorted(people[people >= FEWEST_IN_CLASS].nlargest(MOST_CLASSES).index)


def _drawn(
    rows: Ints,
    labels: pd.Series[str],
    patients: pd.Series[str],
    quota: int,
    random: np.random.Generator,
) -> Ints:
    """Rows of whole patients, until each class has about its quota of images."""
    table = pd.DataFrame({"label": labels, "patient": patients}).iloc[rows]
    numbers, people = pd.factorize(table["patient"])
    turn = random.permutation(len(people))[numbers]
    place = pd.Series(turn, index=table.index).groupby(table["label"]).rank(method="first")
    chosen = table["patient"][place <= quota].unique()
    return rows[table["patient"].isin(chosen)]


def _resampled(targets: Ints, people: Ints, random: np.random.Generator) -> NDArray[np.float32]:
    """How often each patient is drawn; patients stand in for others of their rarest class."""
    size = np.bincount(targets)
    order = np.lexsort((size[targets], people))
    firsts = np.unique(people[order], return_index=True)[1]
    strata = targets[order][firsts]
    counts = np.ones((RESAMPLES + 1, len(strata)), dtype=np.float32)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        for resample in counts[1:]:
            drawn = random.integers(len(members), size=len(members))
            resample[members] = np.bincount(drawn, minlength=len(members))
    return counts


def _out_of_fold(trial: Trial, values: Floats) -> Floats:
    scores = np.zeros((len(values), int(trial.targets.max()) + 1))
    for fold in np.unique(trial.folds):
        held_out = trial.folds == fold
        # Small, slow to split: on a few hundred images a deeper one would learn the noise.
        trees = HistGradientBoostingClassifier(
            max_iter=40, learning_rate=0.15, max_leaf_nodes=6, min_samples_leaf=15,
            l2_regularization=1.0, early_stopping=False, random_state=_SEED,
        )  # fmt: skip
        trees.fit(values[~held_out], trial.targets[~held_out])
        scores[np.ix_(held_out, trees.classes_)] = trees.predict_proba(values[held_out])
    return scores


def _ranked(trial: Trial, scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """AUROC in the data and in every resample, (resamples + 1,); NaN where not defined.

    The Mann-Whitney statistic: of all pairs within a fold the share in order, ties one half.
    """
    ordered, pairs = np.zeros(len(trial.counts)), np.zeros(len(trial.counts))
    for fold in np.unique(trial.folds):
        here = trial.folds == fold
        _, level = np.unique(scores[here], return_inverse=True)
        members, person = np.unique(trial.patients[here], return_inverse=True)
        counts = trial.counts[:, members]
        with_it, without = (
            _tallied(counts, person[kept], level[kept], int(level.max()) + 1)
            for kept in (positive[here], ~positive[here])
        )
        ordered += (with_it * (np.cumsum(without, axis=1) - without / 2)).sum(axis=1)
        pairs += with_it.sum(axis=1) * without.sum(axis=1)
    undefined: Floats = np.full(len(pairs), np.nan)
    return np.asarray(np.divide(ordered, pairs, out=undefined, where=pairs > 0), dtype=np.float64)


def _tallied(counts: NDArray[np.float32], person: Ints, level: Ints, levels: int) -> Floats:
    """Images at each score in each resample, (resamples + 1, levels)."""
    shape = (counts.shape[1], levels)
    images = coo_array((np.ones(len(person)), (person, level)), shape=shape).tocsr()
    return np.asarray((images.T @ counts.T.astype(np.float64)).T, dtype=np.float64)
