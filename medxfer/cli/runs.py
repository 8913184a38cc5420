"""`medxfer runs`: list, show, move, stop, resume and delete runs."""

from __future__ import annotations

from typing import Any

import click

from medxfer.activity import local_user
from medxfer.cli.output import Session, command, figures, say, table
from medxfer.events import EpochFinished, Note
from medxfer.executors import local, presence
from medxfer.runs import queue
from medxfer.runs.deleting import remove_run
from medxfer.runs.store import damaged_runs, list_runs, load_run
from medxfer.runs.summary import RunState, RunSummary


@click.group()
def runs() -> None:
    """List, show, move, stop, resume and delete runs."""


@runs.command("list")
@command
def list_(session: Session) -> None:
    """List the runs of the workspace, newest first."""
    lines = list_runs(session.workspace)
    order = _order(session)
    rows = [_described(line) | {"place": order.get(line.run)} for line in lines]
    flat = [row | {"auroc": row["validation"].get("auroc")} for row in rows]
    columns = {"run": "run", "state": "state", "place": "place", "data": "data", "depth": "depth",
               "strategy": "strategy", "auroc": "validation AUROC"}  # fmt: skip
    for run in damaged_runs(session.workspace):
        say(f"Warning: run {run} cannot be read; 'medxfer runs show {run}' says why.")
    if order and not presence.is_alive(session.workspace):
        say("Warning: runs wait, and no worker runs that would start them. Next: medxfer worker")
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
    """End a run and keep what it learned; a waiting one leaves the queue.

    A run under way stops at its next batch.
    """
    before = load_run(session.workspace, run).summary.state
    after = local.stop(session.workspace, run)
    asked = not after.ended
    gone = "was taken out of the queue" if before is RunState.WAITING else "had learned nothing yet"
    text = {
        RunState.CANCELLED: f"Run {run} {gone} and is cancelled.",
        RunState.STOPPED: f"Run {run} is stopped and keeps what it learned.",
    }.get(after, f"Run {run} stops at its next batch and keeps what it learned.")
    if before is after and before.ended:
        text = f"Run {run} had already ended ({before})."
    values = {"run": run, "state": str(before), "stop_requested": asked, "state_now": str(after)}
    session.answer(values, text)


@runs.command()
@click.argument("run")
@command
def resume(session: Session, run: str) -> None:
    """Let a run that stands still go on from its last saved epoch, when its turn comes."""
    local.resume(session.workspace, run)
    _tell_place(session, run)


@runs.command()
@click.argument("run")
@click.argument("where", type=click.Choice([str(move) for move in queue.Move]))
@command
def move(session: Session, run: str, where: str) -> None:
    """Change the place of a waiting run in the queue."""
    load_run(session.workspace, run)
    queue.move(session.workspace, run, queue.Move(where))
    _tell_place(session, run)


@runs.command()
@click.argument("run")
@click.option("--for-good", is_flag=True, help="Not into the bin, from where it could come back.")
@command
def delete(session: Session, run: str, for_good: bool) -> None:
    """Delete an ended run: its model, predictions and events."""
    remove_run(session.workspace, run, by=local_user(), for_good=for_good)
    back = "" if for_good else f" To bring it back within a week: medxfer bin restore {run}"
    session.answer({"run": run, "deleted": True}, f"Run {run} is deleted.{back}")


def _order(session: Session) -> dict[str, int]:
    """Place in the queue, from 1, of the runs that wait."""
    return {run: place for place, run in enumerate(queue.waiting(session.workspace), start=1)}


def _tell_place(session: Session, run: str) -> None:
    state, place = load_run(session.workspace, run).summary.state, _order(session).get(run)
    text = f"Run {run} is number {place} in the queue." if place else f"Run {run} is {state}."
    session.answer({"run": run, "state": str(state), "place": place}, text)


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
