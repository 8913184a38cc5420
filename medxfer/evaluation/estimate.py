"""A figure and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

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

    @classmethod
    def of_row(cls, row: Mapping[Any, Any], name: str = "value", prefix: str = "") -> Estimate:
        """A figure of a table's row, whose ends are in the columns `prefix` + low and high.

        What is missing there or NaN is None.
        """
        ends = (row.get(name), row.get(f"{prefix}low"), row.get(f"{prefix}high"))
        # NaN alone is not equal to itself.
        return cls(*(None if end is None or end != end else float(end) for end in ends))


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table of figures as plain values; what is not defined is None."""
    plain = table.astype(object).where(table.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]
