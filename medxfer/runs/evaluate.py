"""Predictions of a run, saved ones or, where there are none, made now."""

from __future__ import annotations

from medxfer.data.integrity import check_unchanged
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.evaluation.predict import predict
from medxfer.evaluation.predictions import Predictions
from medxfer.machine import choose
from medxfer.paths import Workspace
from medxfer.runs.loading import load_model
from medxfer.runs.results import load_predictions, saved_splits


def evaluated(workspace: Workspace, run: str, split: Split) -> Predictions:
    """What the run's best network says of one split; kept with the run once it is known.

    Raises:
        RunError: the run is unknown, or the split has no images.
        WeightsError: the run has no usable weights.
        DataError: the data set is gone, or its files changed since the import.
    """
    if split in saved_splits(workspace, run):
        return load_predictions(workspace, run, split)
    loaded = load_model(workspace, run)
    part = load_manifest(workspace, loaded.config.data).part(split)
    if not len(part):
        raise RunError(
            f"The data set '{loaded.config.data}' has no images in '{split}'.",
            "Choose another split.",
        )
    check_unchanged(part)
    machine = choose(loaded.config)
    model = loaded.model.to(machine.device)
    predictions = predict(model, part, machine, loaded.config.batch_size)
    predictions.save(workspace.run(run).predictions(split))
    return predictions
