"""The sections about the data: where images went, what the parts are like, how they were split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import pandas as pd

from medxfer.data.corrections import Action, Correction, excluded
from medxfer.data.manifest import PARTS, Manifest, Split
from medxfer.errors import EvaluationError
from medxfer.evaluation.grouping import groups
from medxfer.reports.blocks import (
    Block,
    Chart,
    Points,
    Section,
    Table,
    Text,
    Tone,
    count,
    facts_table,
    share,
)
from medxfer.reports.characteristics import grouped, interesting
from medxfer.reports.discretion import Discretion
from medxfer.reports.gathering import Recorded, Source
from medxfer.reports.svg import Bar, bars

_KINDS = {
    "folder": "a folder of pictures, one folder a class",
    "csv": "a table that names pictures and classes",
    "medmnist": "a MedMNIST file",
    "phantom": "synthetic: computed pictures, no patients",
}
_GONE = Text(
    "The data set is no longer there, or no longer the one this run was trained on. What follows "
    "is what the run recorded when it started; exclusions, characteristics and the audit cannot "
    "be told any more.",
    Tone.WARNING,
)


def data_section(recorded: Recorded, columns: tuple[str, ...] = ()) -> Section:
    """Source, flow with exclusions and reasons, and the table by partition."""
    source = recorded.source
    blocks: list[Block] = []
    if source is None:
        images = recorded.started.images if recorded.started else {}
        rows = tuple((Split(name).words, count(n)) for name, n in images.items())
        if recorded.deleted is not None:
            blocks.append(
                Text(f"The data set was deleted on {recorded.deleted:%Y-%m-%d}.", Tone.WARNING)
            )
        blocks += [_GONE, Table("Images by part", ("Part", "Images"), rows)]
    else:
        hide = discretion(source)
        blocks += [_facts(source), _flow_chart(source)]
        blocks += _exclusions(source, hide)
        blocks.append(_partitions(source, columns))
        blocks += _not_grouped(source, columns)
        told = (*source.info.warnings, *source.info.split_warnings)
        if told:
            blocks.append(Points(tuple(hide(text) for text in told)))
    return Section("data", "Data", tuple(blocks))


def split_section(recorded: Recorded) -> Section:
    """How the parts came about, at which level they are disjoint, and what the audit says."""
    source = recorded.source
    if source is None:
        return Section("split", "Split and audit", (_GONE,))
    blocks: list[Block] = [_level(source)]
    hide = discretion(source)
    if source.info.split_notes:
        blocks.append(Points(tuple(hide(note) for note in source.info.split_notes)))
    blocks += _audit(source, hide)
    return Section("split", "Split and audit", tuple(blocks))


def discretion(source: Source | None) -> Discretion:
    """What takes the names of a data set's patients and files out of sentences."""
    return Discretion() if source is None else source.discretion


def _facts(source: Source) -> Table:
    info = source.info
    return facts_table(
        "Source",
        (
            ("Data set", info.name),
            ("Kind", _KINDS[info.kind]),
            ("Imported", f"{info.created:%Y-%m-%d %H:%M} UTC"),
            ("Images", count(info.images)),
            ("Patients", count(info.patients) if info.patients_known else "not known"),
            ("Patients known by", discretion(source)(info.patient_source)),
            ("Classes", ", ".join(info.classes)),
        ),
    )


def _flow_chart(source: Source) -> Chart:
    counts = source.manifest.table["split"].value_counts()
    used = [(part, int(counts.get(str(part), 0))) for part in PARTS]
    excluded = int(counts.get(str(Split.EXCLUDED), 0))
    found = len(source.manifest) + len(source.skipped)
    rows = [Bar("Files found", found)]
    rows.append(Bar("Left out at import", len(source.skipped), faint=True))
    rows.append(Bar("Imported", len(source.manifest)))
    rows.append(Bar("Set aside after import", excluded, faint=True))
    rows += [Bar(part.words.capitalize(), images) for part, images in used]
    told = "; ".join(f"{row.label.lower()} {row.value:,.0f}" for row in rows)
    title = "Where the images went"
    return Chart(title, told, bars(title, told, rows))


def _exclusions(source: Source, hide: Discretion) -> Iterator[Block]:
    given = source.skipped["reason"]
    hidden = {reason: hide(reason) for reason in given.unique()}
    reasons = given.map(hidden).value_counts()
    rows = [("at import", str(reason), count(int(n))) for reason, n in reasons.items()]
    by_hand = int(excluded(source.manifest).sum())
    aside = int((source.manifest.table["split"] == str(Split.EXCLUDED)).sum()) - by_hand
    if aside:
        rows.append(("after import", "Set aside by the split", count(aside)))
    if by_hand:
        rows.append(("after import", "Excluded by a person, see below", count(by_hand)))
    if rows:
        yield Table("Images left out, and why", ("When", "Reason", "Images"), tuple(rows), words=2)
    else:
        yield Text("No image was left out.")
    if source.corrections:
        decided = tuple(
            (
                f"{correction.time:%Y-%m-%d %H:%M} UTC",
                _done(correction),
                hide(correction.reason),
                count(len(correction.images)),
            )
            for correction in source.corrections
        )
        heads = ("When", "What", "Why", "Images")
        yield Table("What people decided about images", heads, decided, words=3)


def _done(correction: Correction) -> str:
    match correction.action:
        case Action.EXCLUDE:
            return "excluded"
        case Action.INCLUDE:
            return "used again"
        case Action.RELABEL:
            return f"relabelled as {correction.label}"
        case Action.MOVE:
            return "moved to another part"
        case Action.ONE_SIDE:
            return "put on one side of the split"
        case Action.KEEP:
            return "looked at and kept as it is"
        case Action.UNDO:
            return "undone"
        case _ as never:
            assert_never(never)


def _partitions(source: Source, columns: tuple[str, ...]) -> Table:
    manifest = source.manifest
    parts = [manifest.part(part) for part in PARTS]
    rows = [("Images", *(count(len(part)) for part in parts))]
    if source.info.patients_known:
        rows.append(("Patients", *(count(part.table["patient"].nunique()) for part in parts)))
    rows += [
        _row(f"Class {name}", parts, [part.table["label"] == name for part in parts])
        for name in manifest.classes
    ]
    for column in interesting(manifest, columns):
        rows += _groups(manifest, parts, column)
    widths = [part.table[["width", "height"]].median() for part in parts if len(part)]
    if len(widths) == len(parts):
        middle = (f"{size['width']:.0f} × {size['height']:.0f}" for size in widths)
        rows.append(("Median size in pixels", *middle))
    heads = ("", *(part.words.capitalize() for part in PARTS))
    return Table("Images by part", heads, tuple(rows))


def _groups(manifest: Manifest, parts: list[Manifest], column: str) -> Iterator[tuple[str, ...]]:
    group = grouped(manifest, column)
    if group is None:
        distinct = (count(part.table[column].nunique()) for part in parts)
        yield (f"{column}: different values", *distinct)
        return
    names, place = group
    of_image = dict(zip(manifest.table["image"], place.tolist(), strict=True))
    for number, name in enumerate(names):
        inside = [part.table["image"].map(of_image) == number for part in parts]
        yield _row(f"{column}: {name}", parts, inside)


def _not_grouped(source: Source, columns: tuple[str, ...]) -> Iterator[Block]:
    """The columns worth a line of which no groups could be made, and why."""
    told = []
    for column in interesting(source.manifest, columns):
        try:
            groups(source.manifest.table[column])
        except EvaluationError as error:
            told.append(f"Not told by group: {error.problem} {error.remedy}")
    if told:
        yield Points(tuple(told))


def _row(label: str, parts: list[Manifest], inside: list[pd.Series]) -> tuple[str, ...]:
    shares = (share(int(rows.sum()), len(part)) for part, rows in zip(parts, inside, strict=True))
    return (label, *shares)


def _level(source: Source) -> Text:
    info = source.info
    across = len(info.patients_across_splits)
    if not info.patients_known:
        return Text(
            "The parts are disjoint at the level of images only. Patients are not known, so "
            "images of one person may be in more than one part, and the figures may be too good.",
            Tone.WARNING,
        )
    table = source.manifest.part(*PARTS).table
    shared = int((table.groupby("patient")["split"].nunique() > 1).sum())
    if shared:
        return Text(
            f"The parts are not disjoint at the level of patients: {shared:,} patients have "
            "images in more than one part, so the figures are probably too good.",
            Tone.WARNING,
        )
    settled = (
        f" In the split as given, {across:,} patients were on both sides; that was mended."
        if across
        else ""
    )
    return Text(
        "The parts are disjoint at the level of patients: no patient has images in more than one "
        f"of training, validation and test.{settled}"
    )


def _audit(source: Source, hide: Discretion) -> Iterator[Block]:
    if source.audit is None:
        yield Text("The data set was not audited for leaks and shortcuts.", Tone.WARNING)
        return
    verdict = source.audit.verdict
    yield Text(f"Audit: {hide(verdict.sentence)}", Tone.NOTE)
    if verdict.findings:
        rows = tuple(
            (str(finding.severity), hide(finding.problem), hide(finding.remedy))
            for finding in verdict.findings
        )
        columns = ("Severity", "What was found", "What to do")
        yield Table("Findings of the audit, the worst first", columns, rows, words=3)
    if verdict.not_checked:
        told = (f"Not checked: {name} ({why})" for name, why in verdict.not_checked.items())
        yield Points(tuple(hide(text) for text in told))
