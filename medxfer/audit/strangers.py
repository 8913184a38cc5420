"""Strangers: images unlike the rest, such as another body part or another modality.

How far an image lies from the images of other patients in the network's feature space, by its
k-th nearest neighbour (Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors",
ICML 2022), class by class, against how far images of that class usually lie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.audit.finding import Finding
from medxfer.audit.out_of_fold import Features, Indices
from medxfer.evaluation.severity import Severity

CHECK = "strangers"
_SHARE = 0.1
"""Of a class: the neighbour that is counted to. Strangers of one kind are taken for company of
their own only if they are more than this share of a class."""
_COMPARED, _COMPARED_IN_ALL = 2000, 20_000
"""Images of a class, and of all classes together, that every image is compared with at most, as
long as that leaves a hundred of each."""
_COMPARED_AT_LEAST = 100
_PIECE, _FEATURES = 2048, 64
"""Images, and features, at a time."""
_FEWEST = 5
"""Images of other patients without which a class has no usual distance."""
_FAR = 3.0
"""Robust standard deviations of the logarithm beyond which an image is a stranger."""
_AT_LEAST = 1.15
"""Times the usual distance that a stranger has at least, however alike the others are."""
_SIGMA = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""
_MANY = 0.01


def strangers(
    features: Features, labels: Sequence[str], patients: Sequence[str], seed: int = 0
) -> pd.DataFrame:
    """One row an image with pooled `features` (n, d), the strangest first.

    Columns: `row`, its place in what was asked about; `rank` from 1; `distance`, in multiples of
    what is usual for the class it is nearest to, NaN where no class has enough images of other
    patients; `bound`, from which on an image is a stranger; `stranger`. Labels serve only to know
    what groups there are: an image that is at home in any class is no stranger.
    """
    vectors = _standardised(features)
    groups, _ = pd.factorize(np.asarray(labels, dtype=object))
    people, _ = pd.factorize(np.asarray(patients, dtype=object))
    distance = np.full(len(vectors), np.nan)
    classes = int(groups.max(initial=-1)) + 1
    compared = min(_COMPARED, max(_COMPARED_AT_LEAST, _COMPARED_IN_ALL // max(classes, 1)))
    random = np.random.default_rng(seed)
    for group in range(classes):
        members = np.flatnonzero(groups == group)
        reference = np.sort(random.permutation(members)[:compared])
        distance = np.fmin(distance, _relative(vectors, people, members, reference))
    bound = _bound(distance)
    table = pd.DataFrame(
        {
            "row": np.arange(len(vectors)),
            "distance": distance,
            "bound": bound,
            "stranger": distance > bound,
        }
    )
    table = table.sort_values("distance", ascending=False, kind="stable", na_position="last")
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table.reset_index(drop=True)


def finding(table: pd.DataFrame) -> Finding | None:
    """What there is to say about `strangers`, in a sentence; None if there are none."""
    found = int(table["stranger"].sum())
    if not found:
        return None
    images = int(table["distance"].notna().sum())
    return Finding(
        CHECK,
        Severity.SERIOUS if found >= _MANY * images else Severity.NOTE,
        f"{found:,} of {images:,} images look unlike all others: perhaps another body part, "
        "another modality or a picture of something else.",
        "Look at them, the strangest first, and exclude what does not belong here.",
    )


def _standardised(features: Features) -> NDArray[np.float32]:
    """Each feature with mean 0 and standard deviation 1; one that never changes is 0.

    In double precision, but only some features at a time: all would take gigabytes.
    """
    found = np.zeros(features.shape, dtype=np.float32)
    for start in range(0, features.shape[1] if len(features) else 0, _FEATURES):
        here = slice(start, start + _FEATURES)
        centred = features[:, here].astype(np.float64)
        centred -= centred.mean(axis=0)
        spread = centred.std(axis=0)
        found[:, here] = centred / np.where(spread > 0, spread, 1)
    return found


def _relative(
    vectors: NDArray[np.float32], people: Indices, members: Indices, reference: Indices
) -> NDArray[np.float64]:
    """(n,): distance from a class over what is usual in it; NaN if the class is too small."""
    far = _neighbour(vectors, people, reference)
    usual = np.nanmedian(far[members]) if np.isfinite(far[members]).any() else np.nan
    return far / usual if usual > 0 else np.full(len(vectors), np.nan)


def _neighbour(
    vectors: NDArray[np.float32], people: Indices, reference: Indices
) -> NDArray[np.float64]:
    """(n,): distance of every image to its k-th nearest of `reference` among other patients."""
    k = max(1, round(_SHARE * len(reference)))
    found, others = np.full(len(vectors), np.nan), vectors[reference]
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    for start in range(0, len(vectors), _PIECE):
        rows = slice(start, start + _PIECE)
        squared = lengths[rows, None] + lengths[reference] - 2 * (vectors[rows] @ others.T)
        same = people[rows, None] == people[reference]
        squared[same] = np.inf
        enough = (~same).sum(axis=1) >= max(k, _FEWEST)
        if enough.any():
            nearest = np.partition(squared[enough], k - 1, axis=1)[:, k - 1]
            found[start + np.flatnonzero(enough)] = np.sqrt(np.maximum(nearest, 0))
    return found


def _bound(distance: NDArray[np.float64]) -> float:
    """From which distance on an image is far beyond the others, strangers among them or not."""
    logs = np.log(np.maximum(distance[np.isfinite(distance)], np.finfo(float).tiny))
    if not len(logs):
        return np.nan
    middle = float(np.median(logs))
    above = logs[logs >= middle] - middle
    return max(float(np.exp(middle + _FAR * _SIGMA * np.median(above))), _AT_LEAST)
