"""`medxfer workspace`: the whole workspace as one archive, and its check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from medxfer.activity import IMPORTED, local_user, note
from medxfer.archiving.checking import check as checked
from medxfer.archiving.exporting import export as exported
from medxfer.archiving.importing import Placed, import_archive
from medxfer.cli.output import Counter, Session, command, say

DAMAGED = 1
_FILE = click.Path(path_type=Path)


class _Steps:
    """Tells work in steps, a counter for each."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        if total:
            self._counters.setdefault(step, Counter(step))(done, total)


@click.group()
def workspace() -> None:
    """Export, import and check everything that medxfer keeps."""


@workspace.command()
@click.argument("file", type=_FILE)
@click.option("--without-images", is_flag=True, help="Leave the pictures of data sets out.")
@click.option("--with-secret", is_flag=True, help="Include the secret that hides patients' ids.")
@command
def export(session: Session, file: Path, without_images: bool, with_secret: bool) -> None:
    """Write everything the app keeps into one ZIP file. Ctrl-C stops it and leaves nothing."""
    made = exported(
        session.workspace, file, images=not without_images, secret=with_secret, tell=_Steps()
    )
    note(session.workspace, local_user(), "exported", "workspace")
    for sentence in (*made.left_out, *made.cautions):
        say(f"Note: {sentence}")
    values = asdict(made) | {"path": str(made.path)}
    counts = ", ".join(f"{kind} {count:,}" for kind, count in made.files.items())
    text = f"{made.path}: {made.bytes / 1e6:,.1f} MB; files: {counts or 'none'}."
    session.answer(values, f"{text}\nNext, on the other machine: medxfer workspace import FILE")


@workspace.command("import")
@click.argument("file", type=_FILE)
@click.option("--rename", is_flag=True, help="Give things whose name is taken another one.")
@command
def import_(session: Session, file: Path, rename: bool) -> None:
    """Take in everything of an archive that is not here yet."""
    made = import_archive(session.workspace, file, rename=rename, tell=_Steps())
    for placed in made.placed:
        if placed.outcome != "skipped":
            note(session.workspace, local_user(), IMPORTED, f"{placed.kind} {placed.now}")
    for sentence in (*made.left_out, *made.notes):
        say(f"Note: {sentence}")
    lines = [_line(placed) for placed in made.placed]
    session.answer(asdict(made), "\n".join(lines) or "The archive holds no data sets and no runs.")


@workspace.command()
@click.option("--repair", is_flag=True, help="Make an index that cannot be used anew.")
@command
def check(session: Session, repair: bool) -> int:
    """Verify every checksum there is; exit code 1 if something is damaged or gone."""
    made = checked(session.workspace, repair=repair, tell=_Steps())
    counts = ", ".join(f"{count:,} {kind}" for kind, count in made.checked.items())
    lines = [f"Checked: {counts}.", *made.mended]
    lines += [f"{fault.problem} {fault.remedy}" for fault in made.faults]
    if not made.faults:
        lines.append("Nothing is damaged.")
    session.answer(asdict(made), "\n".join(lines))
    return DAMAGED if made.faults else 0


def _line(placed: Placed) -> str:
    what = f"{placed.kind.capitalize()} '{placed.name}'"
    if placed.outcome == "skipped":
        return f"{what}: passed over, the same is here."
    if placed.outcome == "renamed":
        return f"{what}: imported as '{placed.now}'."
    return f"{what}: imported."
