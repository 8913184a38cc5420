"""What a run says of one picture under all that was decided: the same as its evaluation says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.errors import MedxferError
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.uncertain import UNCERTAIN
from medxfer.explain.agreement import Agreement, agreement, views
from medxfer.explain.depths import Depths
from medxfer.explain.familiarity import Familiarity
from medxfer.explain.gate import Gate
from medxfer.explain.heatmap import check_picture
from medxfer.models.preprocessing import to_input
from medxfer.paths import Workspace
from medxfer.runs.decisions import Decisions, judged
from medxfer.runs.gates import gate, look
from medxfer.runs.loading import LoadedModel

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
    agreement: Agreement | None
    """None where the shifted views were not asked about."""

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
        return f"{said}. {self.agreement.sentence}" if self.agreement else f"{said}."

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
            "agreement": self.agreement and vars(self.agreement) | {"share": self.agreement.share},
        }


def verdict(
    classes: tuple[str, ...],
    logits: NDArray[np.float64],
    decided: Decisions,
    finding: str | None = None,
) -> Verdict:
    """The answer from the logits (n, k) of one picture as it is judged and, behind it, as shifted.

    With one row nothing is said about agreement. `finding` is the positive one of two classes, as
    in the run's settings.

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
        agreement=agreement(called, answers.probabilities) if len(logits) > 1 else None,
    )


@dataclass(frozen=True)
class Answer:
    """What is said of one picture: first whether it is familiar, then, if at all, the verdict.

    `familiarity` is None where that cannot be said, for the reason in `unknown`. `verdict` is
    None where the picture is unfamiliar, or that cannot be said, and nobody insisted.
    """

    familiarity: Familiarity | None
    unknown: str
    verdict: Verdict | None

    @property
    def insisted(self) -> bool:
        """Whether there is a verdict only because a person asked for it all the same."""
        return self.verdict is not None and not (self.familiarity and self.familiarity.familiar)

    @property
    def sentence(self) -> str:
        """What is said about familiarity, for a person."""
        return self.familiarity.sentence if self.familiarity else self.unknown


@dataclass(frozen=True, eq=False)
class Looked:
    """What a run's network makes of one picture, before anything is said about it.

    `familiarity` is None where the run has no gate. `logits` are (1, k).
    """

    familiarity: Familiarity | None
    logits: NDArray[np.float64]

    @property
    def familiar(self) -> bool:
        """Whether the gate lets it pass; without a gate nothing does."""
        return self.familiarity is not None and self.familiarity.familiar


@dataclass(frozen=True)
class Answering:
    """A run ready to answer about single pictures; several threads may ask at once."""

    depths: Depths
    classes: tuple[str, ...]
    finding: str | None
    gate: Gate | None
    unknown: str
    """Why there is no gate; "" where there is one."""

    def answer(
        self,
        pixels: NDArray[np.uint8],
        decided: Decisions,
        *,
        insist: bool = False,
        shifted: bool = True,
    ) -> Answer:
        """Ask about one picture (height, width, 3), 0 to 255, under what is decided now.

        `insist` gives a verdict on an unfamiliar picture too. `shifted` asks about the eight
        shifted views as well, which takes nine times as long.

        Raises:
            ExplainError, EvaluationError: as `look` and `say`.
        """
        seen = self.look(pixels)
        moved = self.moved(pixels) if shifted and (seen.familiar or insist) else None
        return self.say(seen, decided, moved, insist=insist)

    def look(self, pixels: NDArray[np.uint8]) -> Looked:
        """Ask the network once about a picture (height, width, 3), 0 to 255.

        Raises:
            ExplainError: the picture is too small or a single grey value, or the network gave a
                number that is not finite.
        """
        check_picture(pixels)
        looks, logits = look(self.depths, to_input(pixels).unsqueeze(0))
        return Looked(self.gate.judge(looks)[0] if self.gate else None, logits)

    def moved(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Logits (8, k) of the picture moved a little, for `say`."""
        return self.depths.look(views(pixels)[1:]).logits

    def say(
        self,
        seen: Looked,
        decided: Decisions,
        moved: NDArray[np.float64] | None = None,
        *,
        insist: bool = False,
    ) -> Answer:
        """What is said of a picture that was looked at; without `moved` nothing about agreement.

        Raises:
            EvaluationError: a logit is not a finite number, or a decision belongs to other
                classes.
        """
        if not (seen.familiar or insist):
            return Answer(seen.familiarity, self.unknown, None)
        logits = seen.logits if moved is None else np.concatenate((seen.logits, moved))
        said = verdict(self.classes, logits, decided, self.finding)
        return Answer(seen.familiarity, self.unknown, said)


def answering(
    workspace: Workspace, loaded: LoadedModel, tell: Callable[[int, int], None] = lambda *_: None
) -> Answering:
    """Make a run ready to answer; its gate is made now if it has none, which `tell` follows."""
    try:
        return ready(loaded, gate(workspace, loaded, tell))
    except MedxferError as error:
        return ready(loaded, None, str(error))


def ready(loaded: LoadedModel, known: Gate | None, why: str = "") -> Answering:
    """A run with its gate, or without one for the reason `why`."""
    unknown = "" if known else f"Whether this picture is familiar to the run cannot be said. {why}"
    return Answering(Depths(loaded.model), loaded.classes, loaded.config.positive, known, unknown)


def _predictions(
    classes: tuple[str, ...], logits: NDArray[np.float64], finding: str | None
) -> Predictions:
    n = len(logits)
    facts = pd.DataFrame({name: [""] * n for name in ("image", "file", "patient", "split")})
    return Predictions(classes, facts, np.full(n, -1), logits, finding=finding)
