"""What a run says of one picture, under all that was decided: the same as its evaluation says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.uncertain import UNCERTAIN
from medxfer.explain.agreement import Agreement, agreement
from medxfer.runs.decisions import Decisions, judged

_TWO = 2


@dataclass(frozen=True)
class Verdict:
    """The answer about one picture.

    `probabilities` are those after the temperature, in the order of `classes`; `called` is the
    index of the class called, by the threshold if there is one. `uncertain` says whether the
    picture falls into the band that is left to a person, `within` which classes are in its
    conformal set; both are None where none was decided.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    called: int
    temperature: float
    threshold: float | None
    positive: str | None
    """The class that the threshold is about; None with more than two classes."""
    uncertain: bool | None
    within: tuple[str, ...] | None
    promised: float | None
    """How often conformal sets hold the truth, by their calibration."""
    agreement: Agreement

    @property
    def prediction(self) -> str:
        """The class called."""
        return self.classes[self.called]

    @property
    def sentence(self) -> str:
        """For a person."""
        said = f"{self.prediction}, probability {self.probabilities[self.called]:.3f}"
        if self.threshold is not None and self.positive is not None:
            said += f"; {self.positive} is called from {self.threshold:.3f} on"
        if self.uncertain:
            said += "; within the uncertain band, so a person should look"
        if self.within is not None:
            named = ", ".join(self.within) or "no class"
            said += f"; conformal set: {named}"
        return f"{said}. {self.agreement.sentence}"

    def to_json(self) -> dict[str, Any]:
        """As it stands in the answers of the command line."""
        return {
            "prediction": self.prediction,
            "probabilities": dict(zip(self.classes, self.probabilities, strict=True)),
            "temperature": self.temperature,
            "threshold": self.threshold,
            "positive": self.positive,
            "uncertain": self.uncertain,
            "conformal_set": None if self.within is None else list(self.within),
            "coverage_promised": self.promised,
            "agreement": vars(self.agreement) | {"share": self.agreement.share},
        }


def verdict(
    classes: tuple[str, ...],
    logits: NDArray[np.float64],
    decided: Decisions,
    finding: str | None = None,
) -> Verdict:
    """The answer from the logits (1 + shifts, k) of one picture and of its shifted views.

    The first row is the picture as it is judged, the others are `agreement.SHIFTS`. `finding` is
    the positive one of two classes, as in the run's settings.

    Raises:
        EvaluationError: a logit is not a finite number, or a decision belongs to other classes.
    """
    answers = judged(_predictions(classes, logits, finding), decided)
    called = answers.predicted
    one = answers.only(np.array([0]))
    band, sets = decided.band, decided.sets
    two = len(classes) == _TWO
    uncertain = bool(band.answers(one)[0] == UNCERTAIN) if band and two else None
    within = None
    if sets:
        held = sets.sets(one)[0]
        within = tuple(name for name, inside in zip(classes, held, strict=True) if inside)
    return Verdict(
        classes=classes,
        probabilities=tuple(one.probabilities[0].tolist()),
        called=int(called[0]),
        temperature=decided.divisor,
        threshold=answers.threshold,
        positive=classes[answers.positive] if two else None,
        uncertain=uncertain,
        within=within,
        promised=1 - sets.error_rate if sets else None,
        agreement=agreement(called, answers.probabilities),
    )


def _predictions(
    classes: tuple[str, ...], logits: NDArray[np.float64], finding: str | None
) -> Predictions:
    n = len(logits)
    facts = pd.DataFrame({name: [""] * n for name in ("image", "file", "patient", "split")})
    return Predictions(classes, facts, np.full(n, -1), logits, finding=finding)
