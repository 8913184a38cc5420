"""The sections that put a result in its place: subgroups, other data, warnings, use and limits."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from medxfer import RESEARCH_USE_ONLY
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.subgroups import Subgroups
from medxfer.reports.about_results import NAMES
from medxfer.reports.blocks import (
    Block,
    Chart,
    Points,
    Section,
    Table,
    Text,
    Tone,
    count,
    interval,
)
from medxfer.reports.gathering import Elsewhere, Judged, Recorded
from medxfer.reports.svg import Bar, intervals
from medxfer.runs.external_record import External, Matched

_MATCHED = {
    Matched.NAME: "classes of equal names taken for the same",
    Matched.HAND: "classes matched by hand",
    None: "classes matched",
}
_COMPARED = ("auroc", "balanced_accuracy", "accuracy", "sensitivity", "specificity")


def subgroup_section(recorded: Recorded) -> Section | None:
    """Figures by group of each column told; None without one."""
    if not recorded.subgroups or recorded.final is None:
        return None
    blocks: list[Block] = []
    for subgroups in recorded.subgroups:
        blocks += _subgroup(subgroups, recorded.final)
    blocks.append(Text(recorded.subgroups[0].note))
    return Section("subgroups", f"Subgroups of {recorded.final.split.words}", tuple(blocks))


def external_section(recorded: Recorded) -> Section | None:
    """Each evaluation on another data set beside the internal figures; None without one."""
    if not recorded.externals:
        return None
    blocks: list[Block] = []
    for elsewhere in recorded.externals:
        blocks += _external(elsewhere, recorded.final)
    return Section("external", "External data", tuple(blocks))


def alarm_section(recorded: Recorded) -> Section:
    """What in the result should make one stop, the worst first."""
    if not recorded.alarms:
        return Section("alarms", "Warnings about the result", (Text("None was raised."),))
    rows = tuple((alarm.severity, alarm.problem, alarm.remedy) for alarm in recorded.alarms)
    columns = ("Severity", "What is wrong", "What to do")
    table = Table("Warnings, the worst first", columns, rows, words=3)
    return Section("alarms", "Warnings about the result", (table,))


def use_section(recorded: Recorded) -> Section:
    """Intended use and limits, as far as the tool can know them."""
    classes = recorded.started.classes if recorded.started else ()
    named = ", ".join(classes)
    meant = (
        f"Intended use: research on telling {named} apart in pictures like those it was trained "
        f"on. {RESEARCH_USE_ONLY}"
    )
    limits = [
        "It answers for every picture, also for one that is none of its classes: whoever uses it "
        "must make sure that a picture is of the kind it was trained on, whole and readable. "
        "Pictures that cannot be decoded are refused.",
        "It was trained and judged on one data set. Other scanners, hospitals and patients may "
        "give other figures; only an evaluation on external data can tell."
        if not recorded.externals
        else "On other scanners, hospitals and patients figures may differ, see External data.",
        "PPV and NPV belong to the share of cases in these images; see Operating point for others.",
        "Intervals tell how far chance may have moved a figure, not how far a fault in the data "
        "has; the audit and the warnings are about those.",
        "A person with knowledge of the modality must look at each answer; no special skill in "
        "computing is needed.",
    ]
    if recorded.looks.unknown or recorded.looks.total + recorded.looks.other_splits > 1:
        limits.append(
            f"{recorded.looks.sentence}. Each further look makes the test figures a little too "
            "good if choices followed from it."
        )
    if recorded.source and recorded.source.info.synthetic:
        limits.append("The pictures are synthetic: nothing here is evidence about patients.")
    return Section(
        "use", "Intended use and limits", (Text(meant, Tone.NOTE), Points(tuple(limits)))
    )


def gap_rows(
    there: dict[str, Estimate], here: dict[str, Estimate], gaps: dict[str, Estimate]
) -> tuple[tuple[str, ...], ...]:
    """One row a figure: external, internal, difference with interval."""
    nothing = Estimate(None)
    return tuple(
        (NAMES[name], interval(there[name]), interval(here.get(name, nothing)),
         interval(gaps.get(name, nothing)))
        for name in NAMES if name in there
    )  # fmt: skip


def _subgroup(subgroups: Subgroups, final: Judged) -> Iterator[Block]:
    table = subgroups.table
    figure = next((name for name in _COMPARED if name in set(table["figure"])), None)
    if figure is not None:
        chosen = table[(table["figure"] == figure) & table["value"].notna()]
        rows = [
            Bar(f"{row['group']} (n = {row['n']})", float(row["value"]), _end(row["low"]),
                _end(row["high"]), interval(_estimate(row)))
            for _, row in chosen.iterrows()
        ]  # fmt: skip
        title = f"{NAMES[figure]} by {subgroups.column}"
        told = "; ".join(f"{row.label}: {row.text}" for row in rows)
        whole = final.part.estimates[figure].value
        if rows:
            yield Chart(title, told, intervals(title, told, rows, whole))
    yield Table(
        f"By {subgroups.column}",
        ("Group", "Figure", "Images", "Patients", "In the group", "In all others", "Apart"),
        tuple(
            (str(row["group"]), NAMES.get(row["figure"], str(row["figure"])),
             count(int(row["n"])), count(int(row["patients"])), interval(_estimate(row)),
             interval(_estimate(row, "rest_")), "apart" if row["apart"] else "")
            for _, row in table.iterrows()
        ),
        words=2,
    )  # fmt: skip


def _estimate(row: pd.Series, prefix: str = "") -> Estimate:
    value = _end(row.get(f"{prefix}value"))
    return Estimate(value, _end(row[f"{prefix}low"]), _end(row[f"{prefix}high"]))


def _end(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _external(elsewhere: Elsewhere, final: Judged | None) -> Iterator[Block]:
    record = elsewhere.record
    yield Text(_described(record))
    if not elsewhere.estimates:
        yield Text(
            "Its test part was not opened under the temperature and threshold now in force, or "
            "nobody knows how often, so its figures are not shown."
        )
        return
    here = final.part.estimates if final else {}
    words = final.split.words if final else "internal"
    yield Table(
        f"{record.data} beside {words}",
        ("Figure", record.data, f"Internal ({words})", "Difference"),
        gap_rows(elsewhere.estimates, here, elsewhere.gaps),
    )


def _described(record: External) -> str:
    pairs = ", ".join(f"{name} = {ours}" for name, ours in record.matching.items() if ours)
    people = f" of {count(record.patients)} patients" if record.patients is not None else ""
    out = [f"{count(n)} of {name}" for name, n in record.left_out.items()]
    left = f" Left out, because the run has no such class: {', '.join(out)}." if out else ""
    own = ""
    if record.own:
        own = (
            f" Left out, because the run's own data set has them too: {record.own:,} (or that of a "
            "run it started from)."
        )
    own = " ".join((own, *record.cautions))
    part = "all parts" if record.split == "all" else record.split
    return (
        f"Evaluated on '{record.data}' ({part}) on {record.time:%Y-%m-%d %H:%M} UTC: "
        f"{record.images:,} images{people}, {_MATCHED[record.matched]}: {pairs}.{left}{own}"
    )
