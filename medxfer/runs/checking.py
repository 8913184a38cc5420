"""Making the checks of a run's heatmaps, which `heatmaps` keeps and puts into words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from medxfer.data.manifest import Manifest, Split
from medxfer.data.marks import mark_of, marked_rows, marks_hash
from medxfer.errors import MedxferError
from medxfer.events import Tell
from medxfer.explain.heatmap import METHODS
from medxfer.explain.pointing import Marked, localisation
from medxfer.explain.randomisation import CASCADE, Randomisation, of_method, randomisation
from medxfer.paths import Workspace
from medxfer.runs.asked import UNUSABLE, Asked, Counter, Pixels, drawn, manifest_of
from medxfer.runs.heatmaps import (
    DESTROYED,
    MOST_MARKED,
    check_open,
    keep,
    kept,
    maps_needed,
    one_a_patient,
)
from medxfer.runs.worth import Checks, OnMarks
from medxfer.using import using
from medxfer.working import ended

_TRIED = 3 * DESTROYED
"""Images that may be opened to find enough whose heatmap is not empty."""


def checked(
    workspace: Workspace,
    run: str,
    split: Split = Split.VALIDATION,
    method: str = "gradcam",
    tell: Tell = lambda *_: None,
) -> Checks:
    """The checks of a run's heatmaps on one part: the kept ones, or made now and kept.

    The heatmaps are those of the last stage with a place: of the class called for the dependence
    on the weights, of the true class for the marks.

    Raises:
        RunError: the run is unknown, the test part is locked, the data set is not the one the run
            was trained on, or the disk refused.
        UnknownNameError: no such method.
        DataError, WeightsError: the data set or the weights are gone or damaged.
    """
    _ = METHODS[method]
    check_open(workspace, run, split)
    try:
        manifest = manifest_of(workspace, run)
    except MedxferError:
        if before := kept(workspace, run, split, method):
            return before
        raise
    marks = marks_hash(manifest)
    if before := kept(workspace, run, split, method, marks):
        return before
    with using(workspace, workspace.run(run).root, "its heatmaps are being checked"):
        return _made(workspace, run, manifest, split, method, tell)


def _made(
    workspace: Workspace, run: str, manifest: Manifest, split: Split, method: str, tell: Tell
) -> Checks:
    marks = marks_hash(manifest)
    asked = Asked.of(workspace, run, manifest, method)
    count = Counter(tell, "Checking heatmaps", maps_needed(manifest, split))
    likeness = _destroyed(asked, split, count)
    made = Checks(
        weights_sha256=asked.weights,
        marks_sha256=marks,
        split=split,
        method=method,
        stage=str(asked.stage),
        pictures=likeness.likeness.shape[1] if likeness else 0,
        likeness=dict(zip(map(str, CASCADE), likeness.means, strict=True)) if likeness else {},
        marks=_on_marks(asked, split, count),
    )
    keep(workspace, run, made)
    return made


def _destroyed(asked: Asked, split: Split, count: Callable[..., None]) -> Randomisation | None:
    """How the maps of some images change with the weights; None if all of them are empty."""
    chosen: dict[int, list[Pixels]] = {}
    for file in one_a_patient(asked.manifest, split)["file"].head(_TRIED):
        if sum(map(len, chosen.values())) == DESTROYED:
            break
        try:
            pixels = asked.read(file)
            found = asked.explained(pixels)
        except UNUSABLE:
            continue
        if found.raw_maximum > 0:
            chosen.setdefault(found.predicted, []).append(pixels)
            count()
    if not chosen:
        return None
    likeness = []
    for called, pictures in sorted(chosen.items()):
        mapping = of_method(asked.classes, called, asked.method, asked.stage)
        likeness.append(ended(randomisation(asked.model, pictures, mapping), count).likeness)
    return Randomisation(np.concatenate(likeness, axis=1))


def _on_marks(asked: Asked, split: Split, count: Callable[..., None]) -> OnMarks | None:
    """How well the maps of the true class lie on its marks; None if the part has no marks."""
    table = asked.manifest.table
    rows = table[marked_rows(asked.manifest) & (table["split"] == split)]
    if rows.empty:
        return None
    some = rows.iloc[drawn(len(rows), MOST_MARKED)].to_dict("records")
    problems: list[str] = []
    blank: list[str] = []

    def usable() -> Iterator[Marked]:
        for row in some:
            try:
                pixels = asked.read(row["file"])
                mask = mark_of(asked.manifest, row, *pixels.shape[:2])
                if mask.any():
                    heat = asked.explained(pixels, asked.classes.index(row["label"])).heatmap
                    yield Marked(heat, mask, row["patient"])
                else:
                    blank.append(row["image"])
            except UNUSABLE as error:
                problems.append(error.problem)
            count()

    found = localisation(usable())
    return OnMarks(
        **vars(found),
        marked=len(rows),
        blank=len(blank),
        unusable=len(problems),
        reason=problems[0] if problems else "",
    )
