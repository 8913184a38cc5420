"""Weights from another run of this workspace."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from medxfer.errors import WeightsError
from medxfer.models import checkpoint
from medxfer.models.weights.keys import CHOOSE_OTHERS
from medxfer.paths import Workspace


def run_file(run: str, workspace: Workspace) -> Path:
    """The best weights of a run, unchanged since they were saved.

    Raises:
        WeightsError: there is no such run, it has saved nothing yet, or the file was altered.
    """
    paths = workspace.run(run)
    if not paths.root.is_dir():
        known = [folder.name for folder in workspace.runs.iterdir()]
        nearest = get_close_matches(run, known, n=1)
        hint = f"Did you mean 'run:{nearest[0]}'? " if nearest else ""
        raise WeightsError(f"There is no run '{run}' to take weights from.", hint + CHOOSE_OTHERS)
    _, weights = checkpoint.verified(paths.checkpoints, f"Run '{run}'")
    return weights
