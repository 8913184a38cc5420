"""`medxfer activity`: who did what in the workspace."""

from __future__ import annotations

import click

from medxfer.activity import acts, verify
from medxfer.cli.output import Session, command, table
from medxfer.errors import WorkspaceError


@click.command()
@click.option("--last", type=click.IntRange(1), default=50, show_default=True,
              help="How many of the latest lines.")  # fmt: skip
@click.option("--check", is_flag=True, help="Only check that no line was changed or removed.")
@command
def activity(session: Session, last: int, check: bool) -> None:
    """Show who did what, the latest first, and whether the list is whole."""
    problems = verify(session.workspace)
    done = acts(session.workspace)
    if check and problems:
        raise WorkspaceError(
            " ".join(problems), "Put activity.jsonl and activity.count back from a copy."
        )
    rows = [
        {
            "time": act.time.isoformat(timespec="seconds"),
            "who": act.who,
            "what": act.what,
            "thing": act.thing,
            "result": act.result,
        }
        for act in done[:last]
    ]
    whole = f"{len(done)} lines, none changed or missing." if not problems else " ".join(problems)
    columns = {"time": "time", "who": "who", "what": "what", "thing": "thing", "result": "result"}
    shown = f"{table(rows, columns)}\n\n{whole}" if rows and not check else whole
    values = {"lines": len(done), "problems": problems, "acts": [] if check else rows}
    session.answer(values, shown)
