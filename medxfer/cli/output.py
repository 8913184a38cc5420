"""What every command shares: where the workspace is, and how answers are given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from medxfer.paths import Workspace


@dataclass(frozen=True)
class Session:
    """One call of a command: its workspace, and whether a script reads the answer."""

    workspace: Workspace
    as_json: bool

    def answer(self, values: Any, text: str) -> None:
        """Give the answer on standard output: one JSON object, or text for a person."""
        click.echo(json.dumps(values, ensure_ascii=False) if self.as_json else text)


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that all have, as its first argument, a `Session`."""

    @click.option(
        "--workspace",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the workspace (else MEDXFER_HOME, else ~/.medxfer).",
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
    @wraps(function)
    def with_session(*, folder: Path | None, as_json: bool, **options: Any) -> Any:
        return function(Session(Workspace.find(folder), as_json), **options)

    return with_session


def say(text: str) -> None:
    """A line for the person, on standard error; one that nobody listens to any more is lost."""
    with suppress(BrokenPipeError):
        click.echo(text, err=True)


class Counter:
    """ "12 of 413 images" on standard error, in place on a terminal, rarely elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._tenth = -1

    def __call__(self, done: int, total: int) -> None:
        line = f"{self._what}: {done:,} of {total:,}"
        if sys.stderr.isatty():
            click.echo(f"\r{line}", err=True, nl=done >= total)
        elif (tenth := 10 * done // max(total, 1)) > self._tenth:
            self._tenth = tenth
            say(line)


def table(rows: list[dict[str, Any]], columns: dict[str, str]) -> str:
    """Rows as aligned text; `columns` maps keys to headings. "" and None are shown as a dash."""
    cells = [list(columns.values())]
    cells += [[_shown(row[key]) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
             for line in cells]  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else " ".join(str(value).split())


def figures(metrics: dict[str, float | None]) -> str:
    """Figures by name, one a line; what is not defined says so."""
    width = max(map(len, metrics), default=0)
    return "\n".join(
        f"  {name.ljust(width)}  {'not defined' if value is None else f'{value:.3f}'}"
        for name, value in metrics.items()
    )
