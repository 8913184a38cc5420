"""Sets of classes instead of one: as large as must be to hold the truth as often as promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medxfer.errors import EvaluationError
from medxfer.evaluation.curves import Flags
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.predictions import Floats, Predictions
from medxfer.evaluation.proportion import of_patients

PROMISE = (
    "The coverage is promised for images of the same kind and origin as the validation images, "
    "one image a patient (exchangeable); several images of a patient, another scanner or another "
    "hospital are outside of the promise. Nor were the validation images quite new to the model: "
    "they also chose the epoch to keep and, where they are in use, temperature and threshold, so "
    "that a little less may be held than is promised. Look at the coverage that was measured."
)


@dataclass(frozen=True)
class ConformalSets:
    """What a class must reach to be in the set of an image.

    `limits` holds for each class the greatest 1 - probability with which it still is in the set;
    infinite where validation had too few images to exclude the class at all.
    """

    classes: tuple[str, ...]
    error_rate: float
    limits: tuple[float, ...]
    by_class: bool
    n: int
    """Validation images."""
    one_image_a_patient: bool

    def sets(self, predictions: Predictions) -> Flags:
        """(n, k), whether each class is in the set of each image; a set may be empty.

        Raises:
            EvaluationError: the classes are not those it was calibrated for.
        """
        if predictions.classes != self.classes:
            raise EvaluationError(
                "These conformal sets belong to other classes: "
                f"{', '.join(self.classes)}, not {', '.join(predictions.classes)}.",
                "Calibrate them again on this run's validation images.",
            )
        return (1 - predictions.probabilities) <= np.asarray(self.limits)

    def to_json(self) -> dict[str, Any]:
        """As it is stored with a run; an infinite limit is None."""
        limits = [limit if np.isfinite(limit) else None for limit in self.limits]
        return {**vars(self), "classes": list(self.classes), "limits": limits}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> ConformalSets:
        """Read what `to_json` wrote.

        Raises:
            EvaluationError: it is something else.
        """
        try:
            limits = tuple(np.inf if limit is None else float(limit) for limit in stored["limits"])
            return cls(
                classes=tuple(str(name) for name in stored["classes"]),
                error_rate=float(stored["error_rate"]),
                limits=limits,
                by_class=bool(stored["by_class"]),
                n=int(stored["n"]),
                one_image_a_patient=bool(stored["one_image_a_patient"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                "The stored conformal sets cannot be read.", "Calibrate them again."
            ) from error


@dataclass(frozen=True)
class Coverage:
    """How the sets did on images they were not calibrated on; intervals know whose images."""

    promised: float
    overall: Estimate
    by_class: dict[str, Estimate]
    mean_size: float | None
    single: Estimate
    """The share of images with exactly one class in the set."""
    empty: Estimate
    """The share with none: unlike the validation images of every class."""
    n: int
    patients: int

    def to_json(self) -> dict[str, Any]:
        """As it stands in the answers of the command line."""
        return {
            "promised": self.promised,
            "coverage": self.overall.to_json(),
            "by_class": {name: share.to_json() for name, share in self.by_class.items()},
            "mean_size": self.mean_size,
            "single": self.single.to_json(),
            "empty": self.empty.to_json(),
            "images": self.n,
            "patients": self.patients,
            "promise": PROMISE,
        }


def conformal(
    predictions: Predictions, error_rate: float = 0.1, by_class: bool = False
) -> ConformalSets:
    """Calibrate split conformal sets; give the validation images, never the test ones.

    A new image's set misses its truth with at most the error rate: over all images, or
    `by_class` over the images of each true class (Mondrian; larger sets, and fair to rare
    classes). The score is 1 - probability of the true class (LAC; Sadinle, Lei and Wasserman
    2019), the limit its ceil((n + 1)(1 - error rate))-th smallest value. See `PROMISE`. Images
    of unknown truth are left out.

    Raises:
        EvaluationError: the error rate is not between 0 and 1, or no image has a known truth.
    """
    if not 0 < error_rate < 1:
        raise EvaluationError(
            f"{error_rate:g} cannot be an error rate.", "Give a share between 0 and 1."
        )
    known = predictions.known
    if not len(known):
        raise EvaluationError(
            "Conformal sets are not defined: no image of known truth.",
            "Calibrate on images with labels.",
        )
    # The same subtraction as in `sets`, so that ties are ties to the last bit.
    score = (1 - known.probabilities)[np.arange(len(known)), known.truth]
    classes = range(len(known.classes))
    if by_class:
        limits = [_limit(score[known.truth == cls], error_rate) for cls in classes]
    else:
        limits = [_limit(score, error_rate)] * len(known.classes)
    return ConformalSets(
        classes=known.classes,
        error_rate=error_rate,
        limits=tuple(limits),
        by_class=by_class,
        n=len(known),
        one_image_a_patient=bool(known.facts["patient"].is_unique),
    )


def coverage(sets: ConformalSets, predictions: Predictions) -> Coverage:
    """How often the sets hold the truth, and how large they are; known truth only.

    Raises:
        EvaluationError: the classes are not those the sets were calibrated for.
    """
    known = predictions.known
    chosen, patients = sets.sets(known), known.facts["patient"].to_numpy()
    held = chosen[np.arange(len(known)), known.truth]
    size = chosen.sum(axis=1)
    by_class = {
        name: of_patients(held[known.truth == cls], patients[known.truth == cls])
        for cls, name in enumerate(known.classes)
    }
    return Coverage(
        promised=1 - sets.error_rate,
        overall=of_patients(held, patients),
        by_class=by_class,
        mean_size=float(size.mean()) if len(known) else None,
        single=of_patients(size == 1, patients),
        empty=of_patients(size == 0, patients),
        n=len(known),
        patients=int(known.facts["patient"].nunique()),
    )


def _limit(score: Floats, error_rate: float) -> float:
    # The tiny part taken off keeps 25 * (1 - 0.44), which is 14.000000000000002, at rank 14.
    rank = int(np.ceil((len(score) + 1) * (1 - error_rate) - 1e-9))
    return float(np.sort(score)[rank - 1]) if rank <= len(score) else float(np.inf)
