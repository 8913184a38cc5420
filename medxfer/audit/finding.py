"""What an audit says: sentences with a remedy, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from medxfer.evaluation.severity import Severity


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and what to do about it."""

    check: str
    """Which check found it, such as "near_duplicates"."""
    severity: Severity
    problem: str
    """One sentence with the numbers in it."""
    remedy: str
    """What to do, one sentence."""

    def to_json(self) -> dict[str, str]:
        """As it stands in the answers of the command line and in the stored audit."""
        return {
            "check": self.check,
            "severity": str(self.severity),
            "problem": self.problem,
            "remedy": self.remedy,
        }


def worst_first(findings: list[Finding]) -> list[Finding]:
    """The findings by severity; those of one severity stay in their order."""
    return sorted(findings, key=lambda finding: finding.severity.rank)
