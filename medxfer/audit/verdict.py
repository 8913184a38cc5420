"""One sentence on top: whether a figure from this data set could be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from medxfer.audit.finding import Finding, worst_first
from medxfer.evaluation.severity import Severity


class Trust(StrEnum):
    """The verdict in a word."""

    NOT_TRUSTWORTHY = "not trustworthy"
    """Something found makes figures untrue."""
    DOUBTFUL = "doubtful"
    """Something found makes figures too good, or say very little."""
    NOTHING_FOUND = "nothing found"
    """Nothing that was looked for; no proof that nothing is wrong."""


@dataclass(frozen=True)
class Verdict:
    """The word, its sentence, all findings worst first, and what was looked at.

    `checked` and `not_checked` name the checks in words, the latter with a sentence that says why.
    """

    trust: Trust
    sentence: str
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    not_checked: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the answer of `medxfer data audit`; without the findings."""
        return {
            "trust": str(self.trust),
            "sentence": self.sentence,
            "checked": list(self.checked),
            "not_checked": dict(self.not_checked),
        }


def judge(
    findings: Sequence[Finding], checked: Sequence[str], not_checked: Mapping[str, str]
) -> Verdict:
    """Put the findings in order and say on top what they amount to."""
    ordered = tuple(worst_first(list(findings)))
    blocking = sum(finding.severity is Severity.BLOCKING for finding in ordered)
    serious = sum(finding.severity is Severity.SERIOUS for finding in ordered)
    if blocking:
        trust = Trust.NOT_TRUSTWORTHY
        todo = f"{_things(blocking)} must be mended first"
        sentence = f"Numbers from this data set would not be trustworthy: {todo}"
        sentence += f", and {_things(serious)} would make them doubtful." if serious else "."
    elif serious:
        trust = Trust.DOUBTFUL
        sentence = f"Numbers from this data set need care: {_things(serious)} would make them "
        sentence += "too good or say little."
    else:
        trust = Trust.NOTHING_FOUND
        sentence = "Nothing was found that would make a number untrustworthy. Looked at: "
        sentence += f"{', '.join(checked)}."
    return Verdict(trust, sentence, ordered, tuple(checked), dict(not_checked))


def _things(count: int) -> str:
    return "1 thing" if count == 1 else f"{count} things"
