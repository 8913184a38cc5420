"""`medxfer explain`: what a run says of single scans, with heatmaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.output import Session, command, say
from medxfer.errors import MedxferError, WorkspaceError
from medxfer.files import replacing

REFUSED = 2
_LONGEST_STEM = 100
"""Bytes."""


@click.command()
@click.argument("run")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the heatmaps; made if absent.",
)
@click.option("--class", "target", help="Class the heatmap is of (else the predicted one).")
@click.option("--method", default="gradcam", show_default=True,
              help="gradcam, gradcam++, layercam, xgradcam, "
              "smoothgradcam++ or scorecam.")  # fmt: skip
@command
def explain(session: Session, run: str, files: tuple[Path, ...], out: Path, **options: Any) -> int:
    """Predict single scans and save a heatmap of each; a file that cannot be used is refused.

    Exit code 2 if any file was refused; the others are answered all the same.
    """
    from medxfer.reports.stamp import stamp
    from medxfer.runs.loading import load_model
    from medxfer.runs.store import load_run

    mark = stamp(load_run(session.workspace, run).summary)
    loaded = load_model(session.workspace, run)
    target = _class_index(loaded.classes, options["target"])
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"Heatmaps cannot be saved in {out}: {error.strerror}.", "Choose another --out."
        ) from error
    answers, refused = [], []
    for number, file in enumerate(files, start=1):
        try:
            image = out / f"{number:03d}-{_short(file.stem)}-{options['method']}.png"
            answers.append(_explained(loaded, file, image, target, options["method"], mark))
        except MedxferError as error:
            refused.append({"file": str(file), "reason": str(error)})
            say(f"Refused: {error}")
    lines = [
        f"{answer['file']}: {answer['prediction']} "
        f"({answer['probabilities'][answer['prediction']]:.3f}), heatmap {answer['heatmap']}"
        for answer in answers
    ]
    values = {"run": run, "files": answers, "refused": refused, "notice": RESEARCH_USE_ONLY}
    session.answer(values, "\n".join([*lines, RESEARCH_USE_ONLY]))
    return REFUSED if refused else 0


def _explained(
    loaded: Any, file: Path, image: Path, target: int | None, method: str, mark: Any
) -> dict[str, Any]:
    from medxfer.data.readers import read_picture
    from medxfer.explain.heatmap import explain as explained
    from medxfer.reports.exports import heatmap_png

    pixels = read_picture(file).pixels
    answer = explained(loaded.model, pixels, loaded.classes, target=target, method=method)
    try:
        with replacing(image) as temporary:
            temporary.write_bytes(heatmap_png(pixels, answer, mark, image=file.name))
    except OSError as error:
        raise WorkspaceError(
            f"The heatmap of {file.name} cannot be saved in {image.parent}: {error.strerror}.",
            "Free some space or choose another --out.",
        ) from error
    probabilities = answer.probabilities.tolist()
    return {
        "file": str(file),
        "prediction": loaded.classes[answer.predicted],
        "probabilities": dict(zip(loaded.classes, probabilities, strict=True)),
        "heatmap": str(image),
        "heatmap_class": loaded.classes[answer.target],
        "raw_maximum": answer.raw_maximum,
    }


def _class_index(classes: tuple[str, ...], name: str | None) -> int | None:
    if name is None:
        return None
    if name not in classes:
        raise MedxferError(
            f"The run knows no class '{name}'.", f"Its classes are {', '.join(classes)}."
        )
    return classes.index(name)


def _short(stem: str) -> str:
    """As much of a file's name as fits into another one."""
    return stem.encode()[:_LONGEST_STEM].decode(errors="ignore")
