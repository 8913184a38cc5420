"""What every export says about itself: research use only, which model, which version, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PureWindowsPath

from medxfer import RESEARCH_USE_ONLY, __version__
from medxfer.runs.summary import RunSummary


@dataclass(frozen=True)
class Stamp:
    """The origin of an export; `run`, `model` and `data` are empty if it comes from no run."""

    run: str
    model: str
    data: str
    version: str
    date: str
    """UTC, to the minute."""
    part: str = ""
    """Which images it is about, such as "validation, 86 images"; "" if it is about one."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The footer, line by line; the research-use line is the first."""
        origin = f"Run {self.run}, {self.model}, data {self.data}" if self.run else ""
        made = f"medxfer {self.version}, {self.date}"
        return tuple(line for line in (RESEARCH_USE_ONLY, origin, self.part, made) if line)


def stamp(run: RunSummary | None = None, made: datetime | None = None, part: str = "") -> Stamp:
    """The stamp of what `run` made, or of an export that no run made; `made` is aware, or now."""
    date = f"{(made or datetime.now(UTC)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if run is None:
        return Stamp("", "", "", __version__, date, part)
    model = f"ResNet-{int(run.depth)}, strategy {run.strategy}"
    return Stamp(run.run, model, last_part(run.data), __version__, date, part)


def last_part(path: str) -> str:
    """The last part of a path of any system, a name as it is: folders stay in the workspace."""
    return PureWindowsPath(path).name
