"""Images of known truth with the patients behind them: what an interval can be made of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medxfer.evaluation.bootstrap import RESAMPLES, Patients, resampled
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.metrics import brier_of_each, log_loss_of_each
from medxfer.evaluation.predictions import Floats, Predictions
from medxfer.evaluation.proportion import Proportion, proportion, wilson
from medxfer.evaluation.spread import degrees_of_freedom, mean_over_patients, range_of
from medxfer.evaluation.weighted import Replicates

_TWO = 2
_MEANS = ("accuracy", "brier", "log_loss")
"""Means over all images; every other figure compares classes."""


class Sample:
    """Predictions without the images of unknown truth."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions.known
        self.patients = Patients.of(self.predictions)
        self.classes = len(predictions.classes)
        two = self.classes == _TWO
        self.positive = predictions.positive if two else None

    def resampled(self, resamples: int = RESAMPLES, seed: int = 0) -> Replicates:
        """What each of so many resamples gives."""
        return resampled(self.predictions, self.patients, resamples, seed)

    @cached_property
    def accuracy(self) -> Proportion:
        """The part of the images that was called right."""
        right = self.predictions.truth == self.predictions.predicted
        return self._proportion(right, np.ones(len(right), dtype=np.bool_))

    @cached_property
    def brier(self) -> Estimate:
        """The Brier score of `metrics.summary`, with its interval."""
        known = self.predictions
        return self._mean("brier", brier_of_each(known.truth, known.probabilities))

    @cached_property
    def log_loss(self) -> Estimate:
        """The log loss of `metrics.summary`, with its interval."""
        known = self.predictions
        return self._mean("log_loss", log_loss_of_each(known.truth, known.logits))

    def sensitivity(self, cls: int) -> Proportion:
        """Of the images of a class, the part that was called it."""
        return self._proportion(self.predictions.predicted == cls, self.predictions.truth == cls)

    def specificity(self, cls: int) -> Proportion:
        """Of the images of other classes, the part that was not called this one."""
        return self._proportion(self.predictions.predicted != cls, self.predictions.truth != cls)

    def precision(self, cls: int) -> Proportion:
        """Of the images called a class, the part that is it."""
        return self._proportion(self.predictions.truth == cls, self.predictions.predicted == cls)

    def degrees(self, name: str) -> float:
        """Degrees of freedom of a figure of `metrics.summary`."""
        if name in _MEANS:
            return len(self.patients) - 1
        return self._degrees(self.patients.by_class)

    def degrees_against_rest(self, cls: int) -> float:
        """Degrees of freedom of a figure of one class against the rest."""
        others = np.delete(self.patients.has, cls, axis=1).any(axis=1)
        return self._degrees([self.patients.by_class[cls], others.sum()])

    def doubt(self, name: str) -> float:
        """The part of images that may be otherwise although no resample shows it.

        Of a figure of `metrics.summary`; 1 without images. By Wilson's interval of 100 % of all
        images for a mean over them, else of the class that is worth least.
        """
        if name in _MEANS:
            return self._doubt(self.predictions.truth >= 0)
        return self._doubt_of_classes

    @cached_property
    def _doubt_of_classes(self) -> float:
        truth = self.predictions.truth
        return max((self._doubt(truth == cls) for cls in np.unique(truth)), default=1.0)

    def doubt_against_rest(self, cls: int) -> float:
        """`doubt` of one class against the rest."""
        positive = self.predictions.truth == cls
        return max(self._doubt(positive), self._doubt(~positive))

    def _doubt(self, among: NDArray[np.bool_]) -> float:
        worth = self._proportion(among, among).worth
        return 1 - (wilson(worth, worth).low or 0.0)

    def _degrees(self, patients: Iterable[int]) -> float:
        """Patients with images of several classes are in several groups, but tell only once."""
        return min(degrees_of_freedom(patients), len(self.patients) - 1)

    def _mean(self, name: str, each: Floats) -> Estimate:
        within = range_of(name, self.classes)
        return mean_over_patients(each, self.patients.of_image, within, self.doubt(name))

    def _proportion(self, hit: NDArray[np.bool_], among: NDArray[np.bool_]) -> Proportion:
        return proportion(hit, among, self.patients.of_image)
