"""The content of a run's report, from what the run recorded: a pure function, no markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from medxfer import RESEARCH_USE_ONLY
from medxfer.evaluation.severity import Severity
from medxfer.paths import Workspace
from medxfer.reports.about_data import data_section, discretion, split_section
from medxfer.reports.about_decisions import (
    calibration_section,
    failures_section,
    operating_section,
)
from medxfer.reports.about_heatmaps import heatmap_section
from medxfer.reports.about_results import headline, results_section
from medxfer.reports.about_training import history_section, model_section, origin_section
from medxfer.reports.about_use import (
    alarm_section,
    external_section,
    subgroup_section,
    use_section,
)
from medxfer.reports.blocks import Block, Document, Section, Text, Tone
from medxfer.reports.checklist import checklist
from medxfer.reports.gathering import Recorded, gather
from medxfer.reports.stamp import last_part, stamp

_TEST_FIGURES = ("operating", "calibration", "subgroups", "external", "failures", "alarms")
_WORST = (Severity.BLOCKING, Severity.SERIOUS)


def report(
    workspace: Workspace, run: str, columns: Sequence[str] = (), made: datetime | None = None
) -> Document:
    """The report of an ended run; it opens no test set. For `columns` and errors see `gather`."""
    return document(gather(workspace, run, columns, made), tuple(columns))


def document(recorded: Recorded, columns: tuple[str, ...] = ()) -> Document:
    """Everything a reader of the run's result should know, in the order they need it."""
    sections = [
        data_section(recorded, columns),
        split_section(recorded),
        model_section(recorded),
        results_section(recorded),
        operating_section(recorded),
        calibration_section(recorded),
        subgroup_section(recorded),
        external_section(recorded),
        failures_section(recorded),
        heatmap_section(recorded),
        alarm_section(recorded),
        use_section(recorded),
        origin_section(recorded),
        history_section(recorded),
    ]
    told = [_marked(section, recorded) for section in sections if section is not None]
    lists = Section("checklist", "Checklists: CLAIM 2024 and TRIPOD+AI", (
        Text(
            "Numbers are those of the guidelines, titles our own short words. What this report "
            "cannot know is left to the author of the study."
        ),
        *checklist(told),
    ))  # fmt: skip
    summary = recorded.run.summary
    mark = stamp(summary, recorded.made)
    return Document(
        title=f"Report on {last_part(summary.data)}",
        notice=RESEARCH_USE_ONLY,
        facts=_head(recorded, mark.model),
        summary=tuple(_summary(recorded)),
        sections=(*told, lists),
        footer=mark.lines,
    )


def _marked(section: Section, recorded: Recorded) -> Section:
    """With how often the test set was opened on top, where test figures are told."""
    if recorded.test is None or section.key not in _TEST_FIGURES:
        return section
    return replace(section, blocks=(Text(f"{recorded.looks.sentence}."), *section.blocks))


def _head(recorded: Recorded, model: str) -> tuple[tuple[str, str], ...]:
    summary = recorded.run.summary
    facts = (
        ("Model", f"deep learning, {model}"),
        ("Data set", last_part(summary.data)),
        ("Classes", ", ".join(recorded.started.classes) if recorded.started else ""),
        ("Run", summary.run),
        ("Date of the report", f"{recorded.made:%Y-%m-%d %H:%M} UTC"),
    )
    return tuple((name, value) for name, value in facts if value)


def _summary(recorded: Recorded) -> list[Block]:
    """What a reader who stops here must know: the figures, and what speaks against them."""
    looked = f"{recorded.looks.sentence}."
    blocks: list[Block] = []
    if recorded.test:
        blocks.append(Text(f"{headline(recorded.test.part)} {looked}"))
    if recorded.validation:
        blocks.append(Text(headline(recorded.validation.part)))
    if not recorded.test:
        blocks.append(Text(looked))
    hide = discretion(recorded.source)
    audit = recorded.source.audit if recorded.source else None
    if audit is not None:
        blocks.append(Text(hide(audit.verdict.sentence), Tone.NOTE))
    elif recorded.known.audit:
        told = f"The audit of the data set as the run learned from it said: {recorded.known.audit}."
        blocks.append(Text(told, Tone.WARNING))
    elif recorded.source is None and recorded.known.audit is None:
        told = "Whether the data set was audited is not recorded, and it is no longer the same."
        blocks.append(Text(told, Tone.WARNING))
    else:
        blocks.append(Text("The data set was not audited for leaks and shortcuts.", Tone.WARNING))
    if recorded.patients_known is False:
        blocks.append(
            Text(
                "Patients are not known: images of one person may have been learned from and "
                "judged on.",
                Tone.WARNING,
            )
        )
    worst = [alarm for alarm in recorded.alarms if alarm.severity in _WORST]
    blocks += [Text(alarm.problem, Tone.WARNING) for alarm in worst]
    return blocks
