"""A figure and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

LEVEL = 0.95
"""Of every interval, unless it says another."""


@dataclass(frozen=True)
class Estimate:
    """A figure with the two ends of its interval; None where it is not defined, never 0.

    A figure can be defined and its interval not, as with a single patient in a class.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def width(self) -> float | None:
        """High minus low; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return self.high - self.low

    def to_json(self) -> dict[str, float | None]:
        """As it stands in the answers of the command line."""
        return {"value": self.value, "low": self.low, "high": self.high}
