"""The section on what the heatmaps of a run are worth, where that was checked."""

from __future__ import annotations

from collections.abc import Iterator

from medxfer.data.manifest import Split
from medxfer.reports.blocks import Block, Section, Table, Text, Tone, interval
from medxfer.reports.gathering import Recorded
from medxfer.runs.worth import METHOD_NAMES, Checks, Dependence

_TERMS = (
    "Likeness is Spearman's rank correlation between the heatmaps of the network and those of one "
    "whose weights are random from the head up to a stage (cascading randomisation, Adebayo et al. "
    "2018): -1 to 1, of the class called. On marked findings: whether the hottest point is inside "
    "(pointing game, Zhang et al. 2018) and which part of the heat is (Wang et al. 2020), of the "
    "true class. Brackets hold 95 % intervals over patients."
)


def heatmap_section(recorded: Recorded) -> Section | None:
    """What was checked of the heatmaps, part by part and method by method; None where nothing."""
    if not recorded.heatmaps:
        return None
    blocks: list[Block] = []
    for checks in recorded.heatmaps:
        blocks += _told(checks, recorded)
    return Section("heatmaps", "Heatmaps", (*blocks, Text(_TERMS)))


def _told(checks: Checks, recorded: Recorded) -> Iterator[Block]:
    method = METHOD_NAMES.get(checks.method, checks.method)
    part = f"{method} at {checks.stage}, on {checks.split.words} images"
    looked = f" {recorded.looks.sentence}." if checks.split is Split.TEST else ""
    yield Text(f"{part}, checked on {checks.made:%Y-%m-%d %H:%M} UTC.{looked}")
    first, *rest = checks.sentences
    yield Text(first, Tone.WARNING if checks.depends is Dependence.NO else Tone.PLAIN)
    if rest:
        yield Text(" ".join(rest))
    if checks.likeness:
        rows = tuple((stage, interval(value, 2)) for stage, value in checks.likeness.items())
        columns = ("Random from the head up to", "Likeness to the real maps")
        yield Table(f"{part}: likeness as weights become random", columns, rows)
    if checks.marks is not None and checks.marks.pictures:
        marks = checks.marks
        yield Table(
            f"{part}: on {marks.pictures:,} marked findings of {marks.patients:,} patients",
            ("Figure", "Heatmaps", "Centre", "Difference"),
            (
                ("Hottest point inside", interval(marks.pointing, 2),
                 interval(marks.centre_pointing, 2), interval(marks.pointing_gain, 2)),
                ("Part of the heat inside", interval(marks.energy, 2),
                 interval(marks.centre_energy, 2), interval(marks.energy_gain, 2)),
            ),
        )  # fmt: skip
