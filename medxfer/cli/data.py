"""`medxfer data`: import, audit, list, show and delete data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from medxfer.activity import IMPORTED, local_user, note
from medxfer.cli.audit import audit, audited
from medxfer.cli.correct import correct, corrections
from medxfer.cli.output import Counter, Session, command, say, table
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import (
    DatasetInfo,
    damaged_datasets,
    dataset_info,
    list_datasets,
    load_manifest,
)
from medxfer.runs.deleting import remove_dataset


@click.group()
def data() -> None:
    """Import, audit, list, show and delete data sets."""


for entry in (audit, correct, corrections):
    data.add_command(entry)


@data.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What to call the data set.")
@click.option("--patient-pattern", help="Regular expression with one group: the patient's id.")
@click.option("--patient-column", help="Column of the CSV with the patient's id.")
@click.option("--file-column", help="Column of the CSV with the file.")
@click.option("--label-column", help="Column of the CSV with the class.")
@click.option("--split-column", help="Column of the CSV with train, val or test.")
@click.option("--class", "classes", multiple=True, help="Keep only this class; may be repeated.")
@click.option("--validation", "validation_fraction", type=float, default=0.15, show_default=True)
@click.option("--test", "test_fraction", type=float, default=0.15, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the drawn splits.")
@click.option(
    "--set-aside-overlap",
    is_flag=True,
    help="Leave out training images of patients who are also in the given test part.",
)
@click.option("--audit", "with_audit", is_flag=True, help="Audit it as well: leaks, shortcuts …")
@command
def import_(
    session: Session, source: Path, classes: tuple[str, ...], with_audit: bool, **options: Any
) -> None:
    """Import a folder, a CSV, a MedMNIST .npz, or a ZIP of one of these."""
    chosen = ImportOptions.parse({**options, "classes": classes or None})
    report = import_source(session.workspace, source, chosen, Counter("Reading images"))
    note(session.workspace, local_user(), IMPORTED, f"data set {report.name}")
    for warning in report.warnings:
        say(f"Warning: {warning}")
    for skipped in report.skipped:
        say(f"Left out: {skipped.file}: {skipped.reason}")
    parts = ", ".join(f"{name} {count}" for name, count in report.splits.items())
    made = f"'{report.name}': {report.images} images of {report.patients} patients ({parts}); "
    made += f"{len(report.skipped)} left out."
    following = f"medxfer train --data '{report.name}'"
    if not with_audit:
        text = f"{made}\nNext: medxfer data audit '{report.name}', then {following}"
        session.answer(report.to_json(), text)
        return
    found = audited(session.workspace, report.name)
    answer = report.to_json() | {"verdict": found.verdict.to_json()}
    session.answer(
        answer,
        f"{made}\n{found.verdict.sentence}\n"
        f"What was found: medxfer data audit '{report.name}'. Next: {following}",
    )


@data.command("list")
@command
def list_(session: Session) -> None:
    """List the data sets of the workspace."""
    infos = list_datasets(session.workspace)
    rows = [_described(info) for info in infos]
    for row in rows:
        row["names"] = ", ".join(row["classes"])
        row["people"] = row["patients"] if row["patients_known"] else "not known"
    for name in damaged_datasets(session.workspace):
        say(f"Warning: the data set '{name}' is damaged; 'medxfer data show {name}' says why.")
    shown = {"name": "name", "images": "images", "people": "patients", "names": "classes"}
    text = table(rows, shown) if rows else "No data sets yet. Next: medxfer data import PATH"
    session.answer([_described(info) for info in infos], text)


@data.command()
@click.argument("name")
@command
def show(session: Session, name: str) -> None:
    """Show the facts of one data set."""
    info = dataset_info(session.workspace, name)
    counts = load_manifest(session.workspace, name).counts()
    values = _described(info) | {
        "source": info.source,
        "patient_source": info.patient_source,
        "skipped": info.skipped,
        "warnings": list(info.warnings),
        "split_notes": list(info.split_notes),
        "counts": counts.to_dict(orient="index"),
    }
    facts = f"{info.name}: {info.images} images of {info.patients} patients ({info.patient_source})"
    notes = [f"Warning: {text}" for text in info.warnings] + list(info.split_notes)
    session.answer(values, "\n".join([facts, "", counts.to_string(), "", *notes]).rstrip())


@data.command()
@click.argument("name")
@click.option("--for-good", is_flag=True, help="Not into the bin, from where it could come back.")
@command
def delete(session: Session, name: str, for_good: bool) -> None:
    """Delete a data set; images that were imported from a path stay where they are."""
    remove_dataset(session.workspace, name, by=local_user(), for_good=for_good)
    back = "" if for_good else f" To bring it back within a week: medxfer bin restore '{name}'"
    session.answer({"name": name, "deleted": True}, f"The data set '{name}' is deleted.{back}")


def _described(info: DatasetInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "images": info.images,
        "classes": list(info.classes),
        "splits": info.splits,
        "patients": info.patients,
        "patients_known": info.patients_known,
        "synthetic": info.synthetic,
    }
