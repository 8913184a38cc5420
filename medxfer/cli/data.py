"""`medxfer data`: import data sets, list and show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from medxfer.cli.output import Counter, Session, command, say, table
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import DatasetInfo, dataset_info, list_datasets, load_manifest


@click.group()
def data() -> None:
    """Import data sets, list and show them."""


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
@command
def import_(session: Session, source: Path, classes: tuple[str, ...], **options: Any) -> None:
    """Import a folder, a CSV, a MedMNIST .npz, or a ZIP of one of these."""
    chosen = ImportOptions.parse({**options, "classes": classes or None})
    report = import_source(session.workspace, source, chosen, Counter("Reading images"))
    for warning in report.warnings:
        say(f"Warning: {warning}")
    for skipped in report.skipped:
        say(f"Left out: {skipped.file}: {skipped.reason}")
    parts = ", ".join(f"{name} {count}" for name, count in report.splits.items())
    session.answer(
        report.to_json(),
        f"'{report.name}': {report.images} images of {report.patients} patients ({parts}); "
        f"{len(report.skipped)} left out.\nNext: medxfer train --data '{report.name}'",
    )


@data.command("list")
@command
def list_(session: Session) -> None:
    """List the data sets of the workspace."""
    rows = [_described(info) for info in list_datasets(session.workspace)]
    for row in rows:
        row["names"] = ", ".join(row["classes"])
    shown = {"name": "name", "images": "images", "patients": "patients", "names": "classes"}
    text = table(rows, shown) if rows else "No data sets yet. Next: medxfer data import PATH"
    session.answer([_without(row, "names") for row in rows], text)


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


def _without(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}
