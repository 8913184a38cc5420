"""How much something that is wrong matters."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How much an alarm or a finding matters; in this order, the worst first."""

    BLOCKING = "blocking"
    """A figure would not be true."""
    SERIOUS = "serious"
    """A figure would probably be too good, or say very little."""
    NOTE = "note"
    """Worth knowing."""

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)
