"""What a run left behind to be looked at. Needs no torch."""

from __future__ import annotations

from medxfer.data.manifest import PARTS
from medxfer.errors import RunError
from medxfer.evaluation.predictions import Predictions
from medxfer.paths import Workspace
from medxfer.runs.store import run_folder


def load_predictions(workspace: Workspace, run: str, split: str) -> Predictions:
    """What the run's best network said of the images of one split.

    Raises:
        RunError: the run is unknown, has not got that far, or the split had no images.
        EvaluationError: the file is damaged.
    """
    path = run_folder(workspace, run).predictions(split)
    if not path.is_file():
        available = saved_splits(workspace, run)
        raise RunError(
            f"The run {run} has no predictions for '{split}'.",
            f"It has them for {', '.join(available)}."
            if available
            else "They are saved when training ends.",
        )
    return Predictions.load(path)


def saved_splits(workspace: Workspace, run: str) -> list[str]:
    """The splits with saved predictions, in the order train, val, test."""
    paths = run_folder(workspace, run)
    return [str(split) for split in PARTS if paths.predictions(split).is_file()]
