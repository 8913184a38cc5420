"""A report as one HTML file: no script, nothing fetched, readable on light, dark and paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import assert_never

from medxfer.reports.blocks import Block, Chart, Document, Points, Section, Table, Text, Tone
from medxfer.reports.style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is run and nothing is fetched."""


def to_html(document: Document) -> str:
    """The whole page; everything that came from outside is escaped."""
    contents = "".join(
        f'<li><a href="#{section.key}">{escape(section.title)}</a></li>'
        for section in document.sections
    )
    sections = "\n".join(
        section_html(number, section) for number, section in enumerate(document.sections, start=1)
    )
    main = (
        f"{summary_html(document.summary)}\n"
        f'<nav aria-label="Contents"><h2>Contents</h2><ol>{contents}</ol></nav>\n'
        f"{sections}\n{_signature()}"
    )
    return page_html(document.title, document.notice, document.facts, main, document.footer)


def page_html(
    title: str,
    notice: str,
    facts: Iterable[tuple[str, str]],
    main: str,
    footer: Iterable[str],
    policy: str = POLICY,
) -> str:
    """A page around `main`, which is HTML already; all else is escaped here."""
    told = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts
    )
    last = "".join(f"<p>{escape(line)}</p>" for line in footer)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        f'<header><p class="notice">{escape(notice)}</p>'
        f"<h1>{escape(title)}</h1><dl>{told}</dl></header>\n"
        f"<main>\n{main}</main>\n<footer>{last}</footer>\n</body></html>\n"
    )


def summary_html(blocks: Iterable[Block]) -> str:
    """What a reader who stops there must know, as the first part of a page."""
    return (
        '<section id="summary" aria-labelledby="summary-title">'
        f'<h2 id="summary-title">Summary</h2>{_blocks(blocks)}</section>'
    )


def section_html(number: int, section: Section) -> str:
    """A part of a page under its number and title."""
    return (
        f'<section id="{section.key}" aria-labelledby="{section.key}-title">'
        f'<h2 id="{section.key}-title"><span class="number">{number}</span> '
        f"{escape(section.title)}</h2>\n{_blocks(section.blocks)}</section>"
    )


def _blocks(blocks: Iterable[Block]) -> str:
    return "\n".join(_grouped(blocks))


def _grouped(blocks: Iterable[Block]) -> Iterator[str]:
    """Each block as HTML; charts that follow one another stand side by side."""
    charts: list[str] = []
    for block in blocks:
        if isinstance(block, Chart):
            charts.append(_chart(block))
            continue
        if charts:
            yield f'<div class="charts">{"".join(charts)}</div>'
            charts = []
        yield _block(block)
    if charts:
        yield f'<div class="charts">{"".join(charts)}</div>'


def _block(block: Text | Points | Table) -> str:
    match block:
        case Text():
            marked = "" if block.tone is Tone.PLAIN else f' class="{block.tone}"'
            word = "<strong>Warning.</strong> " if block.tone is Tone.WARNING else ""
            return f"<p{marked}>{word}{escape(block.text)}</p>"
        case Points():
            items = "".join(f"<li>{escape(item)}</li>" for item in block.items)
            return f"<ul>{items}</ul>"
        case Table():
            return _table(block)
        case _ as never:
            assert_never(never)


def _chart(chart: Chart) -> str:
    return f"<figure><figcaption>{escape(chart.title)}</figcaption>{chart.svg}</figure>"


def _table(table: Table) -> str:
    kind = "words" if any(table.columns) else "facts"
    kind = "numbers" if table.words < len(table.columns) else kind
    number = [' class="n"' if place >= table.words else "" for place in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col"{mark}>{escape(head)}</th>'
        for head, mark in zip(table.columns, number, strict=True)
    )
    head = f"<thead><tr>{heads}</tr></thead>" if any(table.columns) else ""
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(
            f"<td{mark}>{escape(cell)}</td>" for cell, mark in zip(row[1:], number[1:], strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    empty = f'<tr><td colspan="{len(table.columns)}">none</td></tr>'
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.caption)}">'
        f'<table class="{kind}"><caption>{escape(table.caption)}</caption>'
        f"{head}<tbody>{rows or empty}</tbody></table></div>"
    )


def _signature() -> str:
    """Lines to sign on: a report counts once a person has taken it on."""
    return (
        '<section class="signature" aria-label="Signature"><p>Read and approved</p>'
        "<div><span>Name</span></div><div><span>Role</span></div><div><span>Date</span></div>"
        "<div><span>Signature</span></div></section>\n"
    )
