"""Predictions of a run, saved ones or, where there are none, made now."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from medxfer.cache.room import CacheRoom
from medxfer.config import Imbalance
from medxfer.data.integrity import check_unchanged
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import EvaluationError, RunError
from medxfer.evaluation.predict import predict
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Tell
from medxfer.machine import choose
from medxfer.paths import Workspace
from medxfer.runs.decisions import decisions, temper_after_training
from medxfer.runs.loading import LoadedModel, load_model
from medxfer.runs.results import load_predictions, saved_splits
from medxfer.runs.store import load_run, run_folder, trained_on
from medxfer.using import using


def evaluated(
    workspace: Workspace, run: str, split: Split, tell: Tell = lambda *_: None
) -> Predictions:
    """What the run's best network says of one split; kept with the run once it is known.

    A run that ended too early for it, and did not count all images alike in training, gets its
    temperature with its validation answers, unless a person decided about that.

    Raises:
        RunError: the run is unknown, the split has no images, or the data set is not the one the
            run was trained on.
        WeightsError: the run has no usable weights.
        DataError: the data set is gone, or its files changed since the import.
    """
    if split in saved_splits(workspace, run):
        with suppress(EvaluationError):  # a damaged file is made anew
            return load_predictions(workspace, run, split)
    with using(workspace, run_folder(workspace, run).root, "it is being evaluated"):
        loaded = load_model(workspace, run)
        data = workspace.dataset(loaded.config.data).root
        with using(workspace, data, f"run {run} is being evaluated on it"):
            return _predicted(workspace, loaded, split, tell)


def _predicted(workspace: Workspace, loaded: LoadedModel, split: Split, tell: Tell) -> Predictions:
    run = loaded.run
    weighed = loaded.config.imbalance is not Imbalance.NONE
    if weighed and split is Split.TEST and Split.VALIDATION not in saved_splits(workspace, run):
        # The temperature comes with them. Later it would close the test set that is seen now.
        evaluated(workspace, run, Split.VALIDATION, tell)
    manifest = load_manifest(workspace, loaded.config.data)
    trained_on(load_run(workspace, run), manifest)
    part = manifest.part(split)
    if not len(part):
        raise RunError(
            f"The data set '{loaded.config.data}' has no images in '{split}'.",
            "Choose another split.",
        )
    check_unchanged(part)
    machine = choose(loaded.config)
    model = loaded.model.to(machine.device)
    room = CacheRoom(workspace.cache)
    try:
        batch = loaded.config.batch_size
        predictions = predict(model, manifest, split, room, machine, batch, tell)
        predictions = replace(predictions, finding=loaded.config.positive)
        predictions.save(workspace.run(run).predictions(split))
    except OSError as error:
        raise RunError(
            f"The predictions of {run} could not be made: the disk of {workspace.root} refused "
            f"({error.strerror}).",
            "Free some space or check the permissions, and try again.",
        ) from error
    if weighed and split is Split.VALIDATION:
        with suppress(RunError):  # damaged decisions are told where they are needed
            if decisions(workspace, run).temperature is None:
                temper_after_training(workspace, run)
    return predictions
