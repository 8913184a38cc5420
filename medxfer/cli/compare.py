"""`medxfer compare`: two runs on the same images, and whether the difference could be chance."""

from __future__ import annotations

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.evaluate import answers
from medxfer.cli.judging import looks_values
from medxfer.cli.output import Session, command, table
from medxfer.data.manifest import Split


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option(
    "--split",
    type=click.Choice([Split.VALIDATION.value, Split.TEST.value]),
    default=Split.VALIDATION.value,
    show_default=True,
)
@command
def compare(session: Session, run_a: str, run_b: str, split: str) -> None:
    """Show whether one of two runs is better on the same images, patient by patient.

    On test it is a look at the test set by both, and counted.
    """
    from medxfer.evaluation.comparison import compare as compared
    from medxfer.evaluation.comparison import conclusion
    from medxfer.runs.decisions import decisions, judged, looks, open_test

    place, runs = session.workspace, (run_a, run_b)
    first, second = (
        judged(answers(session, run, Split(split)), decisions(place, run)) for run in runs
    )
    found = compared(first, second)
    if split == Split.TEST:
        for run in runs:
            open_test(place, run, "command line")
    seen = [looks(place, run) for run in runs]
    said = conclusion(found, run_a, run_b)
    values = {
        "run_a": run_a,
        "run_b": run_b,
        "split": split,
        "n": found.images,
        "patients": found.patients,
        "metrics_a": found.first,
        "metrics_b": found.second,
        "differences": {name: it.to_json() for name, it in found.differences.items()},
        "delong_p": found.delong_p,
        "only_a_right": found.only_first_right,
        "only_b_right": found.only_second_right,
        "mcnemar_p": found.mcnemar_p,
        "conclusion": said,
        "test_set_a": looks_values(seen[0]),
        "test_set_b": looks_values(seen[1]),
        "notice": RESEARCH_USE_ONLY,
    }
    rows = [
        {"name": name, "a": found.first[name], "b": found.second[name], **it.to_json()}
        for name, it in found.differences.items()
    ]
    columns = {"name": "", "a": run_a, "b": run_b, "value": "difference", "low": "from",
               "high": "to"}  # fmt: skip
    lines = [
        f"{found.images} images of {found.patients} patients in '{split}'",
        table(rows, columns),
        "",
        f"Only {run_a} right: {found.only_first_right}, only {run_b} right: "
        f"{found.only_second_right}; p by McNemar's test {_p(found.mcnemar_p)}, "
        f"of the AUROC by DeLong's {_p(found.delong_p)}",
        "",
        said,
        "",
        *(f"Run {run}: {its.sentence}." for run, its in zip(runs, seen, strict=True)),
        "",
        RESEARCH_USE_ONLY,
    ]
    session.answer(values, "\n".join(lines))


def _p(value: float | None) -> str:
    if value is None:
        return "not defined"
    return f"{value:.3f}" if value >= 0.001 else "below 0.001"  # noqa: PLR2004
