"""A report as a Markdown model card: the same content, charts told in words."""

from __future__ import annotations

import re
from typing import assert_never

from medxfer.reports.blocks import Block, Chart, Document, Points, Table, Text, Tone

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$])")
_LINE_START = re.compile(r"^(\s*)([-+=>]|\d+[.)])(?=\s)")


def to_markdown(document: Document) -> str:
    """The whole card, in the Markdown that GitHub and Hugging Face show (tables included)."""
    facts = "\n".join(f"- **{escaped(name)}:** {escaped(value)}" for name, value in document.facts)
    parts = [
        f"# {escaped(document.title)}",
        f"> **{escaped(document.notice)}**",
        facts,
        "## Summary",
        *map(_block, document.summary),
    ]
    for number, section in enumerate(document.sections, start=1):
        parts.append(f"## {number}. {escaped(section.title)}")
        parts += map(_block, section.blocks)
    parts += ["---", "\n".join(f"{escaped(line)}  " for line in document.footer)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown and HTML take as text, on one line."""
    line = " ".join(text.split())
    return _LINE_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;")))


def _block(block: Block) -> str:
    match block:
        case Text():
            if block.tone is Tone.PLAIN:
                return escaped(block.text)
            word = "**Warning.** " if block.tone is Tone.WARNING else ""
            return f"> {word}{escaped(block.text)}"
        case Points():
            return "\n".join(f"- {escaped(item)}" for item in block.items)
        case Table():
            return _table(block)
        case Chart():
            return f"*{escaped(block.title)}:* {escaped(block.description)}"
        case _ as never:
            assert_never(never)


def _table(table: Table) -> str:
    heads = [head or " " for head in table.columns]
    lines = [heads, [":---" if place < table.words else "---:" for place in range(len(heads))]]
    cells = [[escaped(cell) or " " for cell in row] for row in table.rows]
    rows = [f"| {' | '.join(map(escaped, lines[0]))} |", f"| {' | '.join(lines[1])} |"]
    rows += [f"| {' | '.join(row)} |" for row in cells]
    return f"**{escaped(table.caption)}**\n\n" + "\n".join(rows)
