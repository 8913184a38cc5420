"""`medxfer runs`: list, show, stop and delete runs."""

from __future__ import annotations

from typing import Any

import click

from medxfer.activity import local_user
from medxfer.cli.output import Session, command, figures, say, table
from medxfer.events import EpochFinished, Note
from medxfer.runs.deleting import remove_run
from medxfer.runs.store import damaged_runs, list_runs, load_run, request_stop
from medxfer.runs.summary import RunSummary


@click.group()
def runs() -> None:
    """List, show, stop and delete runs."""


@runs.command("list")
@command
def list_(session: Session) -> None:
    """List the runs of the workspace, newest first."""
    rows = [_described(line) for line in list_runs(session.workspace)]
    flat = [row | {"auroc": row["validation"].get("auroc")} for row in rows]
    columns = {"run": "run", "state": "state", "data": "data", "depth": "depth",
               "strategy": "strategy", "auroc": "validation AUROC"}  # fmt: skip
    for run in damaged_runs(session.workspace):
        say(f"Warning: run {run} cannot be read; 'medxfer runs show {run}' says why.")
    session.answer(rows, table(flat, columns) if rows else "No runs yet. Next: medxfer train")


@runs.command()
@click.argument("run")
@command
def show(session: Session, run: str) -> None:
    """Show one run: its state, settings and epochs."""
    loaded = load_run(session.workspace, run)
    epochs = [event for event in loaded.events if isinstance(event, EpochFinished)]
    values = _described(loaded.summary) | {
        "config": loaded.config.model_dump(mode="json"),
        "history": [event.model_dump(mode="json", exclude={"kind"}) for event in epochs],
        "notes": [event.text for event in loaded.events if isinstance(event, Note)],
    }
    line = loaded.summary
    text = (
        f"Run {line.run}: {line.state}; ResNet-{line.depth}, {line.strategy}, on '{line.data}'; "
        f"{line.epochs} of {line.planned_epochs} epochs, best {line.best_epoch or '–'}\n"
        f"{figures(line.validation)}"
    )
    session.answer(values, f"{text}\n{line.problem}".rstrip())


@runs.command()
@click.argument("run")
@command
def stop(session: Session, run: str) -> None:
    """Ask a run to stop at its next batch and keep what it learned."""
    state = request_stop(session.workspace, run)
    text = (
        f"Run {run} had already ended ({state})."
        if state.ended
        else f"Run {run} stops at its next batch and keeps what it learned."
    )
    session.answer({"run": run, "state": str(state), "stop_requested": not state.ended}, text)


@runs.command()
@click.argument("run")
@click.option("--for-good", is_flag=True, help="Not into the bin, from where it could come back.")
@command
def delete(session: Session, run: str, for_good: bool) -> None:
    """Delete an ended run: its model, predictions and events."""
    remove_run(session.workspace, run, by=local_user(), for_good=for_good)
    back = "" if for_good else f" To bring it back within a week: medxfer bin restore {run}"
    session.answer({"run": run, "deleted": True}, f"Run {run} is deleted.{back}")


def _described(line: RunSummary) -> dict[str, Any]:
    return {
        "run": line.run,
        "state": str(line.state),
        "data": line.data,
        "depth": line.depth,
        "strategy": line.strategy,
        "weights": line.weights,
        "note": line.note,
        "created": line.created.isoformat(),
        "epochs": line.epochs,
        "planned_epochs": line.planned_epochs,
        "best_epoch": line.best_epoch,
        "seconds": line.seconds,
        "validation": line.validation,
        "problem": line.problem,
    }
