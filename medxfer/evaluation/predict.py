"""From a network and a manifest to predictions."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from medxfer.data.manifest import Manifest
from medxfer.evaluation.pictures import batches_of, evaluation_loader
from medxfer.evaluation.predictions import Predictions
from medxfer.machine import Machine
from medxfer.models.freezing import evaluating


def predict(
    model: nn.Module, manifest: Manifest, machine: Machine, batch_size: int = 32
) -> Predictions:
    """What the network says of every image of the manifest.

    Raises:
        DataError, ImageError: a file changed or can no longer be read.
        EvaluationError: the network gave a number that is not finite.
    """
    steps = predicting(model, manifest, evaluation_loader(manifest, machine, batch_size), machine)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            predictions: Predictions = end.value
            return predictions


def predicting(
    model: nn.Module, manifest: Manifest, pictures: DataLoader[Any], machine: Machine
) -> Generator[int, None, Predictions]:
    """`predict` batch by batch: yields the images done so far, returns the predictions.

    `pictures` is the manifest's evaluation loader, which may be used again. The network is left
    in the modes it was in.
    """
    logits = np.zeros((len(manifest), len(manifest.classes)))
    done = 0
    for inputs, _, rows in batches_of(pictures, machine):
        with evaluating(model), torch.inference_mode(), machine.autocast():
            answer = model(inputs)
        logits[rows.numpy()] = answer.double().cpu().numpy()
        done += len(rows)
        yield done
    facts = manifest.table[["image", "file", "patient", "split"]].reset_index(drop=True)
    truth = np.asarray(manifest.targets(), dtype=np.int64)
    return Predictions(manifest.classes, facts, truth, logits)
