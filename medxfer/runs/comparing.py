"""Two runs judged on the same images, each under what was decided about it. Needs no torch."""

from __future__ import annotations

from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.evaluation.predictions import Predictions
from medxfer.paths import Workspace
from medxfer.runs.decisions import decisions, judged, looks
from medxfer.runs.results import load_predictions


def side_by_side(
    workspace: Workspace, first: str, second: str, split: Split
) -> tuple[Predictions, Predictions]:
    """What both runs say of one part under the decisions in force; opens no test set.

    Raises:
        RunError: a run is unknown or has no such predictions, the test set of one is locked, or
            nobody knows how often it was opened.
        EvaluationError: a file is damaged.
    """
    found = []
    for run in (first, second):
        decided = decisions(workspace, run)
        if split is Split.TEST and not decided.is_open:
            raise RunError(
                f"The test set of run {run} is locked.",
                "Open it for both runs; each opening is counted.",
            )
        if split is Split.TEST:
            looks(workspace, run).check()
        found.append(judged(load_predictions(workspace, run, split), decided))
    return found[0], found[1]
