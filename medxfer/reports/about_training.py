"""The sections about the model: settings, phases, how training went, versions and hashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medxfer import __version__
from medxfer.events import EpochFinished, Started
from medxfer.reports.about_data import discretion
from medxfer.reports.blocks import (
    Block,
    Chart,
    Points,
    Section,
    Table,
    Text,
    count,
    facts_table,
    number,
)
from medxfer.reports.gathering import Recorded
from medxfer.reports.svg import Line, plot
from medxfer.runs.summary import RunState

_ENDED = {
    "completed": "all planned epochs were done",
    "early_stopping": "the monitored figure stopped improving",
    "stop_requested": "a person stopped it",
}
_FIGURES = ("loss", "auroc", "accuracy", "balanced_accuracy", "f1")
_MINUTE = 60
_FEWEST = 2


def model_section(recorded: Recorded) -> Section:
    """What was trained, from which weights, with which settings, for how long, on what."""
    blocks: list[Block] = [_how_it_works(recorded), _facts(recorded)]
    if recorded.started:
        blocks.append(_phases(recorded.started))
    blocks.append(_settings(recorded))
    if recorded.notes:
        hide = discretion(recorded.source)
        blocks.append(Points(tuple(hide(note) for note in recorded.notes)))
    return Section("model", "Model and training", tuple(blocks))


def history_section(recorded: Recorded) -> Section | None:
    """Every epoch; None before the first."""
    epochs = recorded.epochs
    if not epochs:
        return None
    heads = ["Epoch", "Phase", "Learning rate"]
    names = [name for name in _FIGURES if name in epochs[0].train or name in epochs[0].validation]
    heads += [f"{part} {name}" for name in names for part in ("train", "val")] + ["Seconds"]
    rows = tuple(
        (
            f"{event.epoch} (kept)" if event.epoch == recorded.run.summary.best_epoch
            else str(event.epoch),
            str(event.phase + 1),
            f"{event.learning_rate:.3g}",
            *(number(figures.get(name))
              for name in names for figures in (event.train, event.validation)),
            f"{event.seconds:.1f}",
        )
        for event in epochs
    )  # fmt: skip
    caption = "Every epoch; training figures are of augmented pictures while learning"
    table = Table(caption, tuple(heads), rows)
    charts = list(_curves(epochs))
    return Section("history", "Training, epoch by epoch", (*charts, table))


def origin_section(recorded: Recorded) -> Section:
    """Versions and hashes: what one needs to do it again."""
    facts = [("Report", f"medxfer {__version__}, {recorded.made:%Y-%m-%d %H:%M} UTC")]
    hashes = [("Run", recorded.run.summary.run)]
    if recorded.started:
        facts += list(recorded.started.versions.items())
        hashes += [
            ("Data set (images, labels, patients), SHA-256", recorded.started.manifest_hash),
            ("Split, SHA-256", recorded.started.split_hash),
        ]
    hashes.append(
        ("Decisions (temperature, threshold, band, sets)", recorded.decisions.fingerprint)
    )
    hashes.append(("Network, SHA-256", recorded.weights_sha256))
    return Section(
        "origin",
        "Versions and hashes",
        (facts_table("Software", facts), facts_table("Hashes", hashes)),
    )


def duration(seconds: float | None) -> str:
    """Seconds as "5 min 12 s"; "" where not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", f"{rest} s"]
    return " ".join(part for part in parts[: 2 if hours else 3] if part)


def _how_it_works(recorded: Recorded) -> Text:
    config = recorded.run.config
    return Text(
        f"A ResNet-{config.depth} (He et al. 2016) takes one picture and answers with a "
        "probability for each class; pictures are its only input. Each is read with its "
        "orientation, scaled to a short side of 256 pixels, cropped at the centre to 224 × 224 and "
        "normalised with the means and standard deviations of ImageNet. The network was trained on "
        "the training part; the epoch with the best validation figure "
        f"({config.monitor}) was kept. No ensemble."
    )


def _facts(recorded: Recorded) -> Table:
    config, summary, started = recorded.run.config, recorded.run.summary, recorded.started
    state = str(summary.state)
    if recorded.fitted:
        state += f": {_ENDED[recorded.fitted.reason]}"
    if summary.state is RunState.FAILED:
        state += f" ({discretion(recorded.source)(summary.problem)})"
    facts = [
        ("Run", f"{summary.run}, {summary.created:%Y-%m-%d %H:%M} UTC"),
        ("Ended", state),
        ("Epochs", f"{summary.epochs} of {summary.planned_epochs}, best {summary.best_epoch}"),
        ("Time", duration(summary.seconds)),
    ]
    if started:
        hide = discretion(recorded.source)
        facts += [
            ("Device", f"{started.device}, {started.precision}, {started.threads} threads"),
            ("Parameters", count(started.parameters)),
            ("First weights", hide(started.weights)),
        ]
    facts += [("Seed", str(config.seed)), ("Note", discretion(recorded.source)(config.note))]
    return facts_table("The run", facts)


def _phases(started: Started) -> Table:
    rows = tuple(
        (phase.name, ", ".join(phase.stages), f"{phase.learning_rate:.3g}", str(phase.epochs),
         count(phase.learning_parameters))
        for phase in started.phases
    )  # fmt: skip
    heads = ("Phase", "Stages that learn", "Learning rate", "Epochs", "Parameters that learn")
    return Table("Phases as planned", heads, rows, words=2)


def _settings(recorded: Recorded) -> Table:
    hidden = ("data", "note")
    hide = discretion(recorded.source)
    values = recorded.run.config.model_dump(mode="json", exclude=set(hidden))
    return facts_table("All settings", ((name, hide(text)) for name, text in _flat(values)))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        words = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, f"{words}, ")
        else:
            yield words, "automatic or none" if value is None else str(value)


def _curves(epochs: tuple[EpochFinished, ...]) -> Iterator[Chart]:
    if len(epochs) < _FEWEST:
        return
    for name, words in (("loss", "Loss"), ("auroc", "AUROC")):
        lines = [
            Line(label, [epoch for epoch, _ in points], [value for _, value in points])
            for label, points in (
                ("training", _points(epochs, name, validation=False)),
                ("validation", _points(epochs, name, validation=True)),
            )
            if len(points) >= _FEWEST
        ]
        if not lines:
            continue
        top = max(max(line.y) for line in lines) if name == "loss" else 1.0
        title = f"{words} by epoch"
        told = "; ".join(f"{line.label} from {line.y[0]:.3f} to {line.y[-1]:.3f}" for line in lines)
        ranges = ((float(epochs[0].epoch), float(epochs[-1].epoch)), (0.0, top or 1.0))
        yield Chart(title, told, plot(title, told, lines, ("Epoch", words), ranges=ranges))


def _points(
    epochs: tuple[EpochFinished, ...], name: str, *, validation: bool
) -> list[tuple[float, float]]:
    values = ((event.epoch, (event.validation if validation else event.train).get(name))
              for event in epochs)  # fmt: skip
    return [(float(epoch), value) for epoch, value in values if value is not None]
