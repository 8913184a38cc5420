"""What is said about whether a picture is familiar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medxfer.explain.sides import WORDS, Side

NEIGHBOURS = 5
"""Training scans that are shown beside a picture."""

_CONFIDENCE_WORDS = "how little the network makes of it"


@dataclass(frozen=True)
class Check:
    """One check: `score` 0 is usual, and what exceeds the gate's limit did not pass."""

    name: str
    score: float
    passed: bool

    @property
    def words(self) -> str:
        """In what a picture that did not pass is unlike the others."""
        return WORDS[Side(self.name)] if self.name in set(Side) else _CONFIDENCE_WORDS


@dataclass(frozen=True)
class Similar:
    """A training scan: its image id, its class, and its distance, in multiples of what is usual
    between a familiar scan and its neighbours."""

    image: str
    label: str
    distance: float


@dataclass(frozen=True)
class Familiarity:
    """Whether a picture is like what a network learned from.

    Where it is not, no prediction is to be shown until the person insists. `farther_than` is the
    share of validation scans that are more familiar. `checks` begin with the one that strays
    most, `similar` with the nearest.
    """

    familiar: bool
    score: float
    limit: float
    farther_than: float
    checks: tuple[Check, ...]
    similar: tuple[Similar, ...]

    @property
    def reasons(self) -> tuple[Check, ...]:
        """The checks that it did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def sentence(self) -> str:
        """For a person."""
        of_hundred = round(100 * self.farther_than)
        if self.familiar:
            return (
                "This picture is like the scans the run was trained on: "
                f"{100 - of_hundred} of 100 scans it knows stray farther."
            )
        named = ", and in ".join(check.words for check in self.reasons)
        return (
            f"This picture is unlike the scans the run was trained on: in {named} it is farther "
            f"from them than {of_hundred} of 100 scans it knows."
        )

    def to_json(self) -> dict[str, Any]:
        """As it stands in the answers of the command line; no file names."""
        return {
            "familiar": self.familiar,
            "sentence": self.sentence,
            "score": self.score,
            "limit": self.limit,
            "farther_than": self.farther_than,
            "checks": [vars(check) for check in self.checks],
            "similar": [vars(case) for case in self.similar],
        }
