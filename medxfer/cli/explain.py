"""`medxfer explain`: what a run says of single scans, with heatmaps."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.output import Counter, Session, command, say
from medxfer.config import Stage
from medxfer.errors import MedxferError, WorkspaceError
from medxfer.files import replacing
from medxfer.working import ended

if TYPE_CHECKING:  # torch takes seconds, which `--help` need not spend
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.heatmap import Explanation
    from medxfer.reports.scan import Explained
    from medxfer.runs.answering import Answering
    from medxfer.runs.decisions import Decisions
    from medxfer.runs.loading import LoadedModel

REFUSED = 2
_INSIST = "Look whether it is the right file, or answer all the same with --insist."
_LONGEST_STEM = 100
"""Bytes."""
_STAGES = [str(stage) for stage in Stage if stage is not Stage.HEAD]


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
@click.option("--against", help="Show what speaks for the class rather than for this other one.")
@click.option("--insist", is_flag=True,
              help="Answer about scans unlike those the run was trained on, too.")  # fmt: skip
@click.option("--method", default="gradcam", show_default=True,
              help="gradcam, layercam, xgradcam, gradcam++, "
              "smoothgradcam++ or scorecam.")  # fmt: skip
@click.option("--stage", type=click.Choice(_STAGES), default=str(Stage.LAYER4), show_default=True,
              help="Where in the network the heatmap is made: later is coarser, and closer to the "
              "answer.")  # fmt: skip
@click.option("--check", "checked", is_flag=True,
              help="Check how far to trust each heatmap: some seconds a scan.")  # fmt: skip
@click.option("--html", "pages", is_flag=True,
              help="Save an HTML page of each scan, too, those refused as unlike the run's "
              "included.")  # fmt: skip
@command
def explain(session: Session, run: str, files: tuple[Path, ...], out: Path, **options: Any) -> int:
    """Predict single scans and save a heatmap of each; a file that cannot be used is refused.

    So is a scan unlike those the run was trained on, unless you --insist.

    Exit code 2 if any file was refused; the others are answered all the same.
    """
    from medxfer.reports.scan import overlay_png, scan_values
    from medxfer.reports.scan_page import scan_html
    from medxfer.reports.stamp import stamp
    from medxfer.runs.answering import answering
    from medxfer.runs.decisions import decisions
    from medxfer.runs.loading import load_model
    from medxfer.runs.store import load_run

    mark = stamp(load_run(session.workspace, run).summary)
    loaded = load_model(session.workspace, run)
    wish = _wish(loaded.classes, options)
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
        image = out / f"{number:03d}-{_short(file.stem)}-{wish.method}.png"
        page = image.with_suffix(".html") if options["pages"] else None
        try:
            scan = _explained(loaded, ready, decided, file, wish)
            if page is not None:
                _save(page, scan_html(scan, mark).encode(), file)
            told = scan_values(scan, mark)
            # An export keeps to itself which files of the data set are gone; the person may know.
            told["familiarity"]["sentence"] = _text(scan.answer.sentence)
            told |= {"file": _text(file), "page": page and _text(page)}
            if scan.heat is None:
                refused.append(told | {"reason": _unlike(scan)})
                continue
            _save(image, overlay_png(scan, mark), file)
            answers.append(told | _drawn(image, scan.heat))
        except MedxferError as error:
            say(f"Refused: {error}")
            told = {"file": _text(file), "page": None, "reason": _text(error), "familiarity": None}
            refused.append(told)
    values = {"run": run, "files": answers, "refused": refused, "notice": RESEARCH_USE_ONLY}
    lines = [_line(told) for told in answers]
    session.answer(values, "\n".join([*lines, RESEARCH_USE_ONLY]))
    return REFUSED if refused else 0


@dataclass(frozen=True)
class _Wish:
    """What is wanted of every scan; without `target` the heatmap is of the class called."""

    target: int | None
    against: int | None
    method: str
    stage: Stage
    insist: bool
    checked: bool


def _wish(classes: tuple[str, ...], options: dict[str, Any]) -> _Wish:
    """What cannot be had of any scan is refused before the first one is looked at."""
    from medxfer.explain.methods import METHODS

    target = _class_index(classes, options["target"])
    against = _class_index(classes, options["against"])
    if target is not None and target == against:
        raise MedxferError(
            f"The class '{classes[target]}' cannot be compared with itself.",
            "Name another class with --against.",
        )
    METHODS[options["method"]]  # raises for one that is not there
    stage, insist, checked = Stage(options["stage"]), options["insist"], options["checked"]
    return _Wish(target, against, options["method"], stage, insist, checked)


def _explained(
    loaded: LoadedModel, ready: Answering, decided: Decisions, file: Path, wish: _Wish
) -> Explained:
    """A scan's answer and, unless it is refused, its heatmap and the checks of that."""
    from medxfer.data.readers import read_picture
    from medxfer.explain.heatmap import explain as explained
    from medxfer.reports.scan import Explained

    picture = read_picture(file)
    answer = ready.answer(picture.pixels, decided, insist=wish.insist)
    scan = Explained(file.name, picture.pixels, picture.notes, answer)
    if answer.verdict is None:
        return scan
    if answer.unknown:
        say(f"{scan.image}: {answer.unknown}")
    heat = explained(
        loaded.model, scan.pixels, loaded.classes,
        target=answer.verdict.called if wish.target is None else wish.target,
        against=wish.against, method=wish.method, stage=wish.stage,
    )  # fmt: skip
    checks = _checks(loaded, scan, heat) if wish.checked else None
    return replace(scan, heat=heat, checks=checks)


def _checks(loaded: LoadedModel, scan: Explained, heat: Explanation) -> Faithfulness:
    from medxfer.explain.faithfulness import check

    tell = Counter(f"Checking the heatmap of {scan.image}")
    steps = check(loaded.model, scan.pixels, heat)
    return ended(steps, lambda step: tell(step.done, step.total))


def _save(path: Path, content: bytes, file: Path) -> None:
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise WorkspaceError(
            f"The heatmap of {file.name} cannot be saved in {path.parent}: {error.strerror}.",
            "Free some space or choose another --out.",
        ) from error


def _unlike(scan: Explained) -> str:
    """Why a scan that could be read was not answered."""
    reason = _text(f"{scan.answer.sentence} {_INSIST}")
    say(f"Refused: {scan.image}: {reason}")
    return reason


def _drawn(image: Path, heat: Explanation) -> dict[str, Any]:
    return {
        "heatmap": _text(image),
        "heatmap_class": heat.classes[heat.target],
        "raw_maximum": heat.raw_maximum,
    }


def _line(told: dict[str, Any]) -> str:
    page = f" Page {told['page']}" if told["page"] else ""
    return f"{told['file']}: {told['sentence']} Heatmap {told['heatmap']}{page}"


def _class_index(classes: tuple[str, ...], name: str | None) -> int | None:
    if name is None:
        return None
    if name not in classes:
        raise MedxferError(
            f"The run knows no class '{name}'.", f"Its classes are {', '.join(classes)}."
        )
    return classes.index(name)


def _text(value: object) -> str:
    """As text; what is no text in a file's name is replaced, since JSON cannot hold it."""
    return str(value).encode(errors="replace").decode()


def _short(stem: str) -> str:
    """As much of a file's name as fits into another one."""
    return os.fsencode(stem)[:_LONGEST_STEM].decode(errors="ignore")
