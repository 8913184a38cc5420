"""Which runs stand behind weights. Reads settings only, no weights."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import ValidationError

from medxfer.config import TrainConfig
from medxfer.models.weights.load import RUN
from medxfer.paths import RunPaths, Workspace


def ancestors(workspace: Workspace, weights: str) -> Iterator[tuple[str, TrainConfig | None]]:
    """The run that these weights (as in `TrainConfig.weights`) are of, the one before it, and on.

    Each with its settings. Where they cannot be read they are None, and nobody knows what came
    before.
    """
    seen = set[str]()
    while weights.startswith(RUN) and weights not in seen:
        seen.add(weights)
        run = weights.removeprefix(RUN)
        config = settings(RunPaths(workspace.runs / run))
        yield run, config
        if config is None:
            return
        weights = config.weights


def settings(paths: RunPaths) -> TrainConfig | None:
    """The settings of a run; None if they cannot be read."""
    try:
        return TrainConfig.model_validate(json.loads(paths.config.read_bytes())["settings"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
