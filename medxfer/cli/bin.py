"""`medxfer bin`: what was deleted, and the way back."""

from __future__ import annotations

from typing import Any

import click

from medxfer.activity import local_user
from medxfer.bin import Binned, contents, find
from medxfer.cli.output import Session, command, table
from medxfer.runs.deleting import remove_for_good, restore


@click.group("bin")
def bin_() -> None:
    """List, restore or empty what was deleted within a week."""


@bin_.command("list")
@command
def list_(session: Session) -> None:
    """List what is in the bin, the latest first."""
    rows = [_described(entry) for entry in contents(session.workspace)]
    columns = {"id": "id", "kind": "kind", "name": "name", "about": "what", "until": "stays until"}
    session.answer(rows, table(rows, columns) if rows else "The bin is empty.")


@bin_.command("restore")
@click.argument("entry")
@click.option("--name", default="", help="Another name for a data set, if its own is taken.")
@command
def restore_(session: Session, entry: str, name: str) -> None:
    """Bring ENTRY back, a name or an id of the list."""
    found = find(session.workspace, entry)
    restored = restore(session.workspace, found, by=local_user(), name=name)
    session.answer(
        {"kind": found.kind, "name": restored, "restored": True},
        f"The {found.kind} '{restored}' is back.",
    )


@bin_.command()
@command
def empty(session: Session) -> None:
    """Delete all that is in the bin for good."""
    found = contents(session.workspace)
    for entry in found:
        remove_for_good(session.workspace, entry, by=local_user())
    text = f"{len(found)} deleted for good." if found else "The bin was empty."
    session.answer({"removed": [_described(entry) for entry in found]}, text)


def _described(entry: Binned) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": str(entry.kind),
        "name": entry.name,
        "about": entry.about,
        "by": entry.by,
        "deleted": entry.deleted.isoformat(),
        "until": entry.until.isoformat(),
    }
