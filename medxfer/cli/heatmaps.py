"""`medxfer heatmaps`: what a run's heatmaps are worth, and many of them in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.output import Counter, Session, command
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError, WorkspaceError
from medxfer.files import replacing

if TYPE_CHECKING:  # torch takes seconds, which `--help` need not spend
    from numpy.typing import NDArray

    from medxfer.runs.worth import Checks

_WHOSE = ("truth", "called")


@click.command()
@click.argument("run")
@click.option("--split", type=click.Choice([Split.VALIDATION.value, Split.TEST.value]),
              default=Split.VALIDATION.value, show_default=True,
              help="Test only after it was opened.")  # fmt: skip
@click.option("--method", default="gradcam", show_default=True,
              help="gradcam, gradcam++, layercam, xgradcam, "
              "smoothgradcam++ or scorecam.")  # fmt: skip
@click.option(
    "--sheet",
    nargs=2,
    metavar="TRUTH CALLED",
    help="Instead: the images of this cell of the confusion matrix with their heatmaps.",
)
@click.option("--mean", metavar="CLASS", help="Instead: the mean heatmap of this class.")
@click.option("--of", "whose", type=click.Choice(_WHOSE),
              help="With --mean: images that belong to the class (truth, the default) or were "
              "called it.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="With --sheet or --mean: the PNG file to write.")  # fmt: skip
@command
def heatmaps(session: Session, run: str, split: str, method: str, **options: Any) -> None:
    """Check what a run's heatmaps are worth, once; or draw many of them as one picture.

    The checks: do the heatmaps change when the weights are destroyed, and do they lie on findings
    that are marked by masks or boxes?
    """
    _check_options(**options)
    if options["sheet"]:
        values, text = _sheet(session, run, Split(split), method, options["sheet"], options["out"])
    elif options["mean"] is not None:
        values, text = _mean(session, run, Split(split), method, options)
    else:
        values, text = _checks(session, run, Split(split), method)
    values = {"run": run, "split": split, "method": method, **values, "notice": RESEARCH_USE_ONLY}
    session.answer(values, f"{text}\n\n{RESEARCH_USE_ONLY}")


def _check_options(
    sheet: tuple[str, str] | None, mean: str | None, whose: str | None, out: Path | None
) -> None:
    if sheet and mean is not None:
        raise MedxferError("--sheet and --mean are two pictures.", "Ask for one at a time.")
    if (bool(sheet) or mean is not None) != (out is not None):
        raise MedxferError(
            "A picture needs a file, and the checks write none.",
            "Give --out FILE with --sheet or --mean, and only there.",
        )
    if whose is not None and mean is None:
        raise MedxferError("--of is about a mean heatmap.", "Give it with --mean CLASS.")


def _checks(session: Session, run: str, split: Split, method: str) -> tuple[dict[str, Any], str]:
    from medxfer.runs.checking import checked

    made = checked(session.workspace, run, split, method, _Told())
    return _values(made), "\n".join(made.sentences)


def _values(made: Checks) -> dict[str, Any]:
    marks = made.marks
    return {
        "stage": made.stage,
        "made": made.made.isoformat(),
        "sentences": list(made.sentences),
        "randomisation": {
            "depends": made.depends,
            "images": made.pictures,
            "likeness": [
                {"stage": stage, **value.to_json()} for stage, value in made.likeness.items()
            ],
        },
        "marks": marks and marks.model_dump(mode="json"),
    }


def _sheet(
    session: Session, run: str, split: Split, method: str, cell: tuple[str, str], out: Path
) -> tuple[dict[str, Any], str]:
    from medxfer.cli.evaluate import answers
    from medxfer.runs.heatmaps import check_open
    from medxfer.runs.overview import class_index, sheet_of_cell

    check_open(session.workspace, run, split)
    classes = answers(session, run, split).classes
    truth, called = (class_index(classes, name) for name in cell)
    made = sheet_of_cell(session.workspace, run, truth, called, split, method, _Told())
    caption = made.caption(split)
    _save(session, run, split, made.pixels, caption, out)
    counts = {"images": made.images, "among": made.among, "unreadable": made.unreadable}
    values = {"truth": cell[0], "called": cell[1], **counts, "caption": caption, "file": str(out)}
    return values, f"{caption} It is in {out}."


def _mean(
    session: Session, run: str, split: Split, method: str, options: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    from medxfer.cli.evaluate import answers
    from medxfer.runs.heatmaps import check_open
    from medxfer.runs.overview import mean_of_class

    check_open(session.workspace, run, split)
    answers(session, run, split)
    whose, out = options["whose"] or _WHOSE[0], options["out"]
    made = mean_of_class(
        session.workspace, run, options["mean"], split, method, _Told(), called=whose == _WHOSE[1]
    )
    caption = made.caption(split)
    _save(session, run, split, made.pixels, f"{caption} {made.sentence}", out)
    values = {
        "class": made.name,
        "of": whose,
        "images": made.mean.count,
        "among": made.among,
        "unreadable": made.unreadable,
        "empty": made.mean.empty,
        "shares": made.mean.shares(),
        "sentence": made.sentence,
        "caption": caption,
        "file": str(out),
    }
    return values, f"{made.sentence}\n{caption} It is in {out}."


def _save(
    session: Session, run: str, split: Split, pixels: NDArray[Any], caption: str, out: Path
) -> None:
    from medxfer.reports.exports import sheet_png
    from medxfer.reports.stamp import stamp
    from medxfer.runs.decisions import looks
    from medxfer.runs.store import load_run

    part = f"{split.words} images"
    if split is Split.TEST:
        part += f". {looks(session.workspace, run).sentence}"
    mark = stamp(load_run(session.workspace, run).summary, part=part)
    try:
        with replacing(out) as temporary:
            temporary.write_bytes(sheet_png(pixels, caption, mark))
    except OSError as error:
        raise WorkspaceError(
            f"The picture cannot be written to {out}: {error.strerror}.", "Choose another --out."
        ) from error


class _Told:
    """A line on standard error for each tenth that is done."""

    def __init__(self) -> None:
        self._counter: Counter | None = None

    def __call__(self, step: str, done: int, total: int) -> None:
        self._counter = self._counter or Counter(step)
        self._counter(done, total)
