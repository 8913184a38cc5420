"""The bootstrap over patients: whole patients are drawn with replacement, class by class.

Images of one patient are alike, so that drawing images would promise more than they tell. From
m patients of a kind m - 1 are drawn, each counting m / (m - 1): the spread of what is computed is
then right on average also where patients are few (Rao and Wu 1988), where drawing m would make it
too small by 1 / m.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medxfer.evaluation.predictions import Floats, Ints, Predictions
from medxfer.evaluation.weighted import Replicates, Weighing

RESAMPLES = 2000
_MOST, _FEWEST = 10**9, 200
"""Images times judged classes times resamples, about half a minute; and resamples all the same."""
_IMAGES_AT_ONCE = 2**18
"""Resamples are computed so many images at a time: what lies in the processor's cache."""


@dataclass(frozen=True)
class Patients:
    """Who is behind n images of known truth."""

    of_image: Ints
    """(n,) the number of each image's patient, from 0."""
    kind: Ints
    """(p,) patients of one kind are drawn from one another."""
    has: NDArray[np.bool_]
    """(p, k) whether a patient has images of a class."""

    @classmethod
    def of(cls, predictions: Predictions) -> Patients:
        """The patients of predictions whose truths are all known.

        Patients are of one kind if they have images of the same classes, so that each class
        keeps its patients. Those that nobody else is like are one kind together.
        """
        names = predictions.facts["patient"].to_numpy()
        distinct, of_image = np.unique(names, return_inverse=True)
        has = np.zeros((len(distinct), len(predictions.classes)), dtype=np.bool_)
        has[of_image, predictions.truth] = True
        _, kind, size = np.unique(has, axis=0, return_inverse=True, return_counts=True)
        kind = np.where(size[kind] > 1, kind, len(size))
        return cls(of_image.astype(np.int64), kind.astype(np.int64), has)

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def by_class(self) -> Ints:
        """(k,) patients with images of each class."""
        return np.asarray(self.has.sum(axis=0), dtype=np.int64)


def draws(patients: Patients, resamples: int, seed: int, at_once: int) -> Iterator[Floats]:
    """Weights of the patients, (up to `at_once`, p) at a time; the same however many at a time.

    A patient that is the only one of the kind weighs 1 in each.
    """
    order = np.argsort(patients.kind, kind="stable")
    _, start, size = np.unique(patients.kind[order], return_index=True, return_counts=True)
    alone = size == 1
    drawn = np.where(alone, 1, size - 1)
    starts, sizes = np.repeat(start, drawn), np.repeat(size, drawn)
    worth = np.empty(len(patients))
    worth[order] = np.repeat(size / drawn, size)
    generator = np.random.default_rng(seed)
    for done in range(0, resamples, at_once):
        rows = min(at_once, resamples - done)
        places = (generator.random((rows, len(starts))) * sizes).astype(np.int64) + starts
        flat = order[places] + np.arange(rows)[:, None] * len(patients)
        times = np.bincount(flat.ravel(), minlength=rows * len(patients))
        yield times.reshape(rows, len(patients)) * worth


def resampled(
    predictions: Predictions, patients: Patients, resamples: int = RESAMPLES, seed: int = 0
) -> Replicates:
    """What each resample of the patients gives; the truths of all images are known.

    Predictions of the same images are resampled alike under the same seed. How much memory it
    takes hardly depends on the number of resamples. There are fewer of them, but at least 200,
    where images times judged classes times resamples would be more than 10⁹: from 500,000 images
    of two classes on, or 50,000 of ten. The spread they show is then less exact (with 200 by a
    twentieth), not less honest.
    """
    size = max(len(predictions) * len(predictions.judged_classes), 1)
    resamples = min(resamples, max(_MOST // size, _FEWEST))
    weighing = Weighing(predictions, patients.of_image)
    at_once = max(_IMAGES_AT_ONCE // max(len(predictions), 1), 1)
    return Replicates.joined(map(weighing, draws(patients, resamples, seed, at_once)))
