"""The checks of a run's heatmaps, kept with it. Needs no torch; `checking` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from medxfer.data.manifest import Manifest, Split
from medxfer.data.marks import marked_rows
from medxfer.errors import RunError
from medxfer.files import write_text
from medxfer.paths import Workspace
from medxfer.runs.decisions import decisions, looks
from medxfer.runs.store import kept_weights, run_folder
from medxfer.runs.worth import Checks

DESTROYED = 8
"""Images whose maps are made again with ever more random weights, each of another patient."""
MOST_MARKED = 200
"""Images whose maps are compared with their marks; of more, so many drawn at random."""
MOST_MEAN = 200
"""Images in a mean map; of more, so many drawn at random."""
_STAGES = 6
_FOLDER = "heatmaps"
_SECONDS = {18: 0.07, 34: 0.13, 50: 0.15, 101: 0.22, 152: 0.3}
"""By depth: a Grad-CAM with reading its picture, on one core without other work."""
_LOADING_SECONDS = 4
_PARTS = (Split.VALIDATION, Split.TEST)


def maps_needed(manifest: Manifest, split: Split) -> int:
    """How many heatmaps the checks of one part make."""
    images = len(one_a_patient(manifest, split).head(DESTROYED))
    marked = int((marked_rows(manifest) & (manifest.table["split"] == split)).sum())
    return (2 + _STAGES) * images + min(marked, MOST_MARKED)


def seconds(maps: int, depth: int) -> float:
    """About how long so many maps take on one core, the network's loading included."""
    return _LOADING_SECONDS + maps * _SECONDS[depth]


def one_a_patient(manifest: Manifest, split: Split) -> pd.DataFrame:
    """One row of each patient of a part in random order, the classes in turn; always the same."""
    rows = manifest.part(split).table
    mixed = rows.iloc[np.random.default_rng(0).permutation(len(rows))]
    single = mixed.drop_duplicates("patient")
    turn = single.groupby("label").cumcount()
    return single.loc[turn.sort_values(kind="stable").index]


def check_open(workspace: Workspace, run: str, split: Split) -> None:
    """Make sure that single images of a part may be looked at.

    Raises:
        RunError: it is the test part, and that was not opened under the decisions in force, or
            how often is not known; or it is neither validation nor test.
    """
    if split not in _PARTS:
        raise RunError(
            f"Heatmaps are judged on validation or test images, not on '{split}'.",
            "Choose one of these.",
        )
    if split is Split.TEST:
        looks(workspace, run).check()
        if not decisions(workspace, run).is_open:
            raise RunError(
                f"The test set of run {run} was not opened under the decisions in force, so none "
                "of its images is looked at.",
                "Use validation, or open it on purpose: the Result page and `medxfer evaluate` "
                "count that.",
            )


def keep(workspace: Workspace, run: str, made: Checks) -> None:
    """Store checks with their run, in place of older ones of that part and method.

    Raises:
        RunError: the run is unknown, or the disk refused.
    """
    path = _file(workspace, run, made.split, made.method)
    try:
        write_text(path, made.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise RunError(
            f"The checks of the heatmaps of run {run} could not be kept: {error.strerror}.",
            "Free some space or check the permissions, and try again.",
        ) from error


def kept(
    workspace: Workspace, run: str, split: Split, method: str = "gradcam", marks: str | None = None
) -> Checks | None:
    """The checks made before; None without any of the run's weights, or if they are damaged.

    With `marks`, as `data.marks.marks_hash` gives it, they must be of these marks too.
    """
    found = _read(_file(workspace, run, split, method))
    if found is None or found.weights_sha256 != kept_weights(run_folder(workspace, run)):
        return None
    if (found.split, found.method) != (split, method):
        return None
    return found if marks in (None, found.marks_sha256) else None


def all_kept(workspace: Workspace, run: str, splits: Sequence[Split]) -> tuple[Checks, ...]:
    """All checks made of these parts, by part and method."""
    files = sorted((run_folder(workspace, run).root / _FOLDER).glob("*.json"))
    named = [path.stem.partition(".") for path in files]
    found = [
        kept(workspace, run, split, method)
        for split in splits
        for name, _, method in named
        if name == split
    ]
    return tuple(checks for checks in found if checks is not None)


def _file(workspace: Workspace, run: str, split: Split, method: str) -> Path:
    return run_folder(workspace, run).root / _FOLDER / f"{split}.{method}.json"


def _read(path: Path) -> Checks | None:
    try:
        return Checks.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
