"""`medxfer data audit`: what would make a number from a data set untrustworthy."""

from __future__ import annotations

from typing import Any

import click

from medxfer.audit.job import ask, current_audit, execute
from medxfer.audit.keeping import load_audit
from medxfer.audit.record import Audit
from medxfer.cli.output import Counter, Session, command, table
from medxfer.errors import DataError
from medxfer.paths import Workspace

_SHOWN = 10
_PAIRS = {"first_file": "picture", "second_file": "and", "changes": "changed", "score": "alike"}
_HEADINGS: dict[str, tuple[str, dict[str, str]]] = {
    "duplicates": ("Exact copies", _PAIRS),
    "near_duplicates": ("Near copies", _PAIRS),
    "patients_across_splits": (
        "Patients in more than one part (images)",
        {"patient": "patient", "train": "train", "val": "validation", "test": "test"},
    ),
    "shortcuts": (
        "Without anatomy the class can be told from",
        {"name": "what", "auroc": "AUROC", "low": "from", "high": "to", "example": "example"},
    ),
    "too_few": (
        "Classes and parts, and how well a sensitivity of 0.90 would be known",
        {"label": "class", "split": "part", "images": "images", "patients": "patients",
         "low": "from", "high": "to"},
    ),
    "quality": ("Picture quality", {"file": "picture", "reason": "what", "value": "value"}),
    "label_doubts": (
        "Labels most in doubt",
        {"file": "picture", "label": "label", "suggested": "perhaps", "doubt": "doubt"},
    ),
    "strangers": ("Pictures most unlike the others", {"file": "picture", "distance": "distance"}),
}  # fmt: skip


@click.command()
@click.argument("name")
@click.option("--fresh", is_flag=True, help="Look at every image again.")
@click.option(
    "--doubts", metavar="WEIGHTS", help="Ask a network too: best, imagenet, run:ID or a file."
)
@command
def audit(session: Session, name: str, fresh: bool, doubts: str | None) -> None:
    """Look for leaks, shortcuts, small parts and poor pictures; say what they mean."""
    found = audited(session.workspace, name, fresh=fresh, doubts=doubts)
    session.answer(found.to_json(), _told(found))


def audited(
    workspace: Workspace, name: str, *, fresh: bool = False, doubts: str | None = None
) -> Audit:
    """The current audit, made now if there is none, or `fresh`, or a network is to be asked.

    Raises:
        DataError: there is no such data set, or the audit cannot be made.
    """
    kept = current_audit(workspace, name)
    if kept is not None and not fresh and (doubts is None or doubts == kept.doubts_by):
        return kept
    job = ask(workspace, name, fresh=fresh, doubts=doubts)
    execute(workspace, name, _Telling())
    if job.state() != "done":
        raise job.error()
    made = load_audit(workspace, name)
    if made is None:
        raise DataError(f"The audit of '{name}' cannot be read.", "Make it anew with --fresh.")
    return made


class _Telling:
    """Counts each step on standard error."""

    def __init__(self) -> None:
        self._step = ""

    def __call__(self, step: str, done: int, total: int) -> None:
        if step != self._step:
            self._step, self._counter = step, Counter(step)
        if total:
            self._counter(done, total)


def _told(audit: Audit) -> str:
    """Verdict, findings worst first, and the tables in short."""
    lines = [audit.verdict.sentence]
    for finding in audit.findings:
        lines += ["", f"{finding.severity.upper()}: {finding.problem}", f"  {finding.remedy}"]
    values = audit.to_json()
    for name, (heading, columns) in _HEADINGS.items():
        rows = [row for row in values[name] or [] if _worth_showing(name, row)]
        if rows:
            lines += ["", f"{heading}:", table([_flat(row) for row in rows[:_SHOWN]], columns)]
        if len(rows) > _SHOWN:
            lines.append(f"… and {len(rows) - _SHOWN:,} more; --json has all.")
    lines += [""] if audit.verdict.not_checked else []
    lines += [f"Not checked: {what}. {why}" for what, why in audit.verdict.not_checked.items()]
    return "\n".join(lines)


def _worth_showing(name: str, row: dict[str, Any]) -> bool:
    """Whether a row says something: tables of every group or every image also hold the others."""
    if name == "shortcuts":
        return row["auroc"]["value"] is not None
    if name == "label_doubts":
        return bool(row["suggested"] != row["label"])
    return name != "strangers" or bool(row["stranger"])


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A shortcut's figure and its interval as columns of their own."""
    auroc = row.get("auroc")
    if auroc is None:
        return row
    return row | {"auroc": auroc["value"], "low": auroc["low"], "high": auroc["high"]}
