"""`medxfer report`: the report of a run as one file."""

from __future__ import annotations

from pathlib import Path

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.output import Session, command
from medxfer.errors import WorkspaceError
from medxfer.files import write_text

_FORMATS = ("html", "md")


@click.command()
@click.argument("run")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              help="The file to write.")  # fmt: skip
@click.option("--format", "kind", type=click.Choice(_FORMATS), show_default="by the file's name",
              help="html: one page that needs no network; md: a model card.")  # fmt: skip
@click.option("--column", "columns", multiple=True,
              help="A further column to tell by group; may be repeated.")  # fmt: skip
@command
def report(
    session: Session, run: str, out: Path, kind: str | None, columns: tuple[str, ...]
) -> None:
    """Write what a run recorded as a report for reviewers.

    It holds no picture, file name or patient id, and opens no test set: test figures are in it
    only if they were opened before, with how often.
    """
    from medxfer.reports.card import to_markdown
    from medxfer.reports.document import report as content
    from medxfer.reports.html import to_html

    kind = kind or ("md" if out.suffix.casefold() in (".md", ".markdown") else "html")
    document = content(session.workspace, run, columns)
    text = to_html(document) if kind == "html" else to_markdown(document)
    try:
        write_text(out, text)
    except OSError as error:
        raise WorkspaceError(
            f"The report cannot be written to {out}: {error.strerror}.", "Choose another --out."
        ) from error
    values = {
        "run": run,
        "file": str(out),
        "format": kind,
        "sections": [section.key for section in document.sections],
        "notice": RESEARCH_USE_ONLY,
    }
    session.answer(values, f"The report of {run} is in {out}.\n\n{RESEARCH_USE_ONLY}")
