"""`medxfer explain`: what a run says of single scans, with heatmaps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.output import Counter, Session, command, say
from medxfer.errors import MedxferError, WorkspaceError
from medxfer.files import replacing

if TYPE_CHECKING:  # torch takes seconds, which `--help` need not spend
    import numpy as np
    from numpy.typing import NDArray

    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Answer, Verdict
    from medxfer.runs.loading import LoadedModel

REFUSED = 2
_INSIST = "Look whether it is the right file, or answer all the same with --insist."
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
@click.option("--insist", is_flag=True,
              help="Answer about scans unlike those the run was trained on, too.")  # fmt: skip
@click.option("--method", default="gradcam", show_default=True,
              help="gradcam, gradcam++, layercam, xgradcam, "
              "smoothgradcam++ or scorecam.")  # fmt: skip
@command
def explain(session: Session, run: str, files: tuple[Path, ...], out: Path, **options: Any) -> int:
    """Predict single scans and save a heatmap of each; a file that cannot be used is refused.

    So is a scan unlike those the run was trained on, unless you --insist.

    Exit code 2 if any file was refused; the others are answered all the same.
    """
    from medxfer.data.readers import read_picture
    from medxfer.reports.exports import heatmap_png
    from medxfer.reports.stamp import stamp
    from medxfer.runs.answering import answering
    from medxfer.runs.decisions import decisions
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
    ready = answering(session.workspace, loaded, Counter("Looking at the run's own scans"))
    decided = decisions(session.workspace, run)
    answers, refused = [], []
    for number, file in enumerate(files, start=1):
        try:
            pixels = read_picture(file).pixels
            answer = ready.answer(pixels, decided, insist=options["insist"])
            if answer.verdict is None:
                refused.append(_refused(file, f"{answer.sentence} {_INSIST}", answer))
                continue
            image = out / f"{number:03d}-{_short(file.stem)}-{options['method']}.png"
            heat = _heatmap(loaded, pixels, answer.verdict, target, options["method"])
            _save(image, heatmap_png(pixels, heat, mark, image=file.name), file)
            answers.append(_values(file, answer, heat, image))
        except MedxferError as error:
            refused.append(_refused(file, str(error)))
    values = {"run": run, "files": answers, "refused": refused, "notice": RESEARCH_USE_ONLY}
    lines = [f"{line['file']}: {line['sentence']} Heatmap {line['heatmap']}" for line in answers]
    session.answer(values, "\n".join([*lines, RESEARCH_USE_ONLY]))
    return REFUSED if refused else 0


def _heatmap(
    loaded: LoadedModel,
    pixels: NDArray[np.uint8],
    verdict: Verdict,
    target: int | None,
    method: str,
) -> Explanation:
    """The heatmap of the class called, unless another is wanted; its figures are the verdict's."""
    import numpy as np

    from medxfer.explain.heatmap import explain as explained

    of = verdict.called if target is None else target
    heat = explained(loaded.model, pixels, loaded.classes, target=of, method=method)
    probabilities = np.array(verdict.probabilities)
    return replace(heat, probabilities=probabilities, predicted=verdict.called)


def _save(image: Path, content: bytes, file: Path) -> None:
    try:
        with replacing(image) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise WorkspaceError(
            f"The heatmap of {file.name} cannot be saved in {image.parent}: {error.strerror}.",
            "Free some space or choose another --out.",
        ) from error


def _values(file: Path, answer: Answer, heat: Explanation, image: Path) -> dict[str, Any]:
    verdict = answer.verdict
    said = "" if verdict is None else verdict.sentence
    if not (answer.familiarity and answer.familiarity.familiar):
        said = f"{answer.sentence} You insisted: {said}"
    return {
        "file": str(file),
        "sentence": said,
        **(verdict.to_json() if verdict else {}),
        "familiarity": _familiarity(answer),
        "heatmap": str(image),
        "heatmap_class": heat.classes[heat.target],
        "raw_maximum": heat.raw_maximum,
    }


def _refused(file: Path, reason: str, answer: Answer | None = None) -> dict[str, Any]:
    say(f"Refused: {file.name}: {reason}" if answer else f"Refused: {reason}")
    return {"file": str(file), "reason": reason, "familiarity": answer and _familiarity(answer)}


def _familiarity(answer: Answer) -> dict[str, Any]:
    if answer.familiarity is None:
        return {"familiar": None, "sentence": answer.unknown}
    return answer.familiarity.to_json()


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
