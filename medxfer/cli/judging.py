"""What the commands that judge a run have in common: decisions, looks and intervals as answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medxfer.reports.blocks import interval

if TYPE_CHECKING:
    from medxfer.evaluation.estimate import Estimate
    from medxfer.runs.decisions import Decisions, Looks


def decided_values(decided: Decisions) -> dict[str, Any]:
    """What is in force; None where there is none."""
    temperature = decided.temperature
    point, line = decided.operating_point, decided.point
    return {
        "temperature": temperature and {
            "value": temperature.value,
            "on": temperature.on,
            "images": temperature.images,
            "after_training": temperature.after_training,
            "time": temperature.time.isoformat(),
        },
        "operating_point": point and line and (
            point.to_json() | {"threshold_now": decided.threshold, "time": line.time.isoformat()}
        ),
        "uncertain_band": decided.band and decided.band.to_json(),
        "conformal_sets": decided.sets and decided.sets.to_json(),
    }  # fmt: skip


def looks_values(looks: Looks) -> dict[str, Any]:
    """How often the test set was opened."""
    return {
        "opened": looks.total,
        "opened_by_this_run": looks.this_run,
        "opened_under_other_splits": looks.other_splits,
        "first": looks.first.isoformat() if looks.first else None,
        "unknown": list(looks.unknown),
        "sentence": looks.sentence,
    }


def shown(estimates: dict[str, Estimate]) -> str:
    """Figures with their intervals, one a line."""
    width = max(map(len, estimates), default=0)
    return "\n".join(
        f"  {name.ljust(width)}  {interval(value)}" for name, value in estimates.items()
    )
