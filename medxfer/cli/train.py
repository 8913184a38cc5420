"""`medxfer train`: one run in the foreground."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from medxfer.activity import local_user, note
from medxfer.cli.output import Counter, Session, command, figures, say
from medxfer.cli.telling import Telling
from medxfer.config import (
    Device,
    Imbalance,
    Monitor,
    Precision,
    Preset,
    Schedule,
    Stage,
    TrainConfig,
)
from medxfer.errors import MedxferError
from medxfer.events import Failed, Paused
from medxfer.paths import typed_path
from medxfer.runs.slots import slot
from medxfer.runs.store import create_run, load_run
from medxfer.runs.summary import RunState


def _names(kind: type) -> click.Choice[str]:
    return click.Choice([str(member.value) for member in kind])  # type: ignore[attr-defined]


@click.command()
@click.option("--data", required=True, help="Name of a data set, or a path to import first.")
@click.option("--depth", type=int, default=18, show_default=True, help="18, 34, 50, 101 or 152.")
@click.option("--strategy", default="partial", show_default=True,
              help="What is frozen: all, partial, none or progressive.")  # fmt: skip
@click.option("--from-stage", type=_names(Stage), default="layer4", show_default=True,
              help="For partial: the first stage that learns.")  # fmt: skip
@click.option("--weights", default="imagenet", show_default=True,
              help="imagenet, none, run:ID, or a .safetensors or .pth file.")  # fmt: skip
@click.option("--head", type=click.Choice(["mlp", "linear"]), default="mlp", show_default=True)
@click.option("--epochs", type=int, default=15, show_default=True)
@click.option("--batch-size", type=int, default=32, show_default=True)
@click.option("--learning-rate", type=float, default=1e-4, show_default=True)
@click.option("--weight-decay", type=float, default=1e-4, show_default=True)
@click.option("--schedule", type=_names(Schedule), default="plateau", show_default=True)
@click.option("--early-stopping", type=int, default=7, show_default=True,
              help="Epochs without a better figure before a phase ends; 0: never.")  # fmt: skip
@click.option("--monitor", type=_names(Monitor), default="auroc", show_default=True)
@click.option("--positive", metavar="CLASS",
              help="Of two classes the finding that sensitivity is about (else guessed from the "
              "names).")  # fmt: skip
@click.option("--label-smoothing", type=float, default=0.0, show_default=True)
@click.option("--imbalance", type=_names(Imbalance), default="class_weights", show_default=True)
@click.option("--preset", type=_names(Preset), default="radiograph", show_default=True)
@click.option("--views", type=int, show_default="automatic",
              help="Varied copies of an image whose features are kept; 0: none.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", type=_names(Device), default="auto", show_default=True)
@click.option("--precision", type=_names(Precision), default="auto", show_default=True)
@click.option("--note", default="", help="Your own words about the run.")
@command
def train(session: Session, data: str, **options: Any) -> None:
    """Train a network and keep its best epoch. Ctrl-C pauses it; it goes on when told to."""
    # importing torch takes seconds, which `--help` and the other commands need not spend
    from medxfer.machine import keep_freed_memory
    from medxfer.runs.execute import execute
    from medxfer.runs.pausing import pausing_on_signals
    from medxfer.training.preflight import check

    config = _config(_data_set(session, data), options)
    keep_freed_memory()
    tell = Telling(config.epochs)
    # The slot comes first: a process that has asked for a GPU can no longer be given another one.
    with slot(session.workspace, config.device, say), ExitStack() as heeding:
        check(session.workspace, config, Counter("Fetching weights (bytes)"))
        run, _ = create_run(session.workspace, config)
        note(session.workspace, local_user(), "started", f"run {run} on {config.data}")
        say(f"Run {run}: ResNet-{config.depth}, {config.strategy.name}, {config.epochs} epochs")
        ways_on = f"To go on: medxfer runs resume {run}\nTo end it: medxfer runs stop {run}"

        def paused() -> None:
            say(f"Pausing.\n{ways_on}")

        paths = session.workspace.run(run)
        pausing = heeding.enter_context(pausing_on_signals(paths, paused))
        for event in execute(session.workspace, run, pausing):
            tell(event)
            if isinstance(event, Failed):
                if event.error_id:
                    raise RuntimeError(event.problem)
                raise MedxferError(f"Run {run}: {event.problem}", event.remedy)
            if isinstance(event, Paused) and not pausing.asked.is_set():
                raise MedxferError(
                    f"Run {run} is paused. {event.problem}", f"{event.remedy} {ways_on}"
                )
    summary = load_run(session.workspace, run).summary
    values = {
        "run": run,
        "state": str(summary.state),
        "best_epoch": summary.best_epoch,
        "seconds": summary.seconds,
        "validation": summary.validation,
    }
    if summary.state is RunState.PAUSED:
        session.answer(values, f"Paused.\n{ways_on}")
        return
    best = (
        f"Best epoch {summary.best_epoch} of {summary.epochs}, on validation:\n"
        f"{figures(summary.validation)}"
        if summary.best_epoch
        else "No epoch was completed; the latest weights are kept."
    )
    session.answer(values, f"{summary.state.capitalize()}. {best}\nNext: medxfer evaluate {run}")


def _data_set(session: Session, data: str) -> str:
    """The name of the data set; a path is imported under the name of its folder or file."""
    from medxfer.data.importing import ImportOptions, import_source
    from medxfer.data.library import list_datasets

    sources = {info.name: info.source for info in list_datasets(session.workspace)}
    if data in sources:
        return data
    path = typed_path(data)
    if not path.exists():
        return data
    name, source = path.resolve().stem, str(path.resolve())
    if sources.get(name) == source:
        return name
    if name in sources:
        raise MedxferError(
            f"A data set called '{name}' exists, from another source.",
            f"Import this one first: medxfer data import '{data}' --name OTHER",
        )
    report = import_source(
        session.workspace, path, ImportOptions(name=name), Counter("Reading images")
    )
    for warning in report.warnings:
        say(f"Warning: {warning}")
    return name


def _config(data: str, options: dict[str, Any]) -> TrainConfig:
    optimiser = ("learning_rate", "weight_decay", "schedule")
    nested = {
        "strategy": {"name": options.pop("strategy"), "from_stage": options.pop("from_stage")},
        "head": {"kind": options.pop("head")},
        "optimiser": {name: options.pop(name) for name in optimiser},
        "early_stopping": options.pop("early_stopping") or None,
    }
    return TrainConfig.parse({"data": data} | options | nested)
