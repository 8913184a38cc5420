"""The verdict: worst first, and never reassuring by accident."""

from __future__ import annotations

from medxfer.audit.finding import Finding
from medxfer.audit.verdict import Trust, judge
from medxfer.evaluation.severity import Severity

NOTE, SERIOUS, BLOCKING = (
    Finding("check", severity, f"A {severity} problem.", "Mend it.")
    for severity in (Severity.NOTE, Severity.SERIOUS, Severity.BLOCKING)
)


def test_the_worst_stands_first_and_decides() -> None:
    verdict = judge([NOTE, BLOCKING, SERIOUS, BLOCKING, SERIOUS], ["x"], {})
    assert verdict.trust is Trust.NOT_TRUSTWORTHY
    assert verdict.findings == (BLOCKING, BLOCKING, SERIOUS, SERIOUS, NOTE)
    assert "2 things must be mended first, and 2 things" in verdict.sentence
    assert judge([NOTE, SERIOUS], [], {}).trust is Trust.DOUBTFUL
    assert "1 thing " in judge([SERIOUS], [], {}).sentence


def test_nothing_found_says_what_was_looked_at() -> None:
    verdict = judge([NOTE], ["exact copies", "shortcuts"], {"patients": "not known"})
    assert verdict.trust is Trust.NOTHING_FOUND
    assert "exact copies, shortcuts" in verdict.sentence
    assert verdict.to_json()["not_checked"] == {"patients": "not known"}
