"""`medxfer evaluate`: figures and confusion matrix of a run on one split."""

from __future__ import annotations

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.output import Session, command, figures, table
from medxfer.data.manifest import Split


@click.command()
@click.argument("run")
@click.option(
    "--split",
    type=click.Choice([Split.VALIDATION.value, Split.TEST.value, Split.TRAIN.value]),
    default=Split.TEST.value,
    show_default=True,
)
@command
def evaluate(session: Session, run: str, split: str) -> None:
    """Show how well a run's best network does on one part of its data set."""
    from medxfer.evaluation.confusion import matrix
    from medxfer.evaluation.metrics import summary
    from medxfer.runs.evaluate import evaluated

    predictions = evaluated(session.workspace, run, Split(split))
    counts, metrics = matrix(predictions), summary(predictions)
    classes = predictions.classes
    values = {
        "run": run,
        "split": split,
        "n": len(predictions),
        "classes": list(classes),
        "metrics": metrics,
        "confusion_matrix": counts.tolist(),
        "notice": RESEARCH_USE_ONLY,
    }
    rows = [
        {"": name} | {f"called {called}": n for called, n in zip(classes, row, strict=True)}
        for name, row in zip(classes, counts.tolist(), strict=True)
    ]
    columns = {"": "truth \\ prediction"} | {f"called {name}": name for name in classes}
    text = f"{len(predictions)} images of '{split}'\n{figures(metrics)}\n\n{table(rows, columns)}"
    session.answer(values, f"{text}\n\n{RESEARCH_USE_ONLY}")
