"""From a network and pictures to predictions."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np
import torch
from torch import nn

from medxfer.cache.room import CacheRoom
from medxfer.data.manifest import Manifest, Split
from medxfer.data.pixel_store import PixelStore
from medxfer.evaluation.pictures import Batch, Pictures
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Tell
from medxfer.machine import Machine
from medxfer.models.freezing import evaluating
from medxfer.working import ended


def predict(
    model: nn.Module,
    manifest: Manifest,
    split: Split,
    room: CacheRoom,
    machine: Machine,
    batch_size: int = 32,
    tell: Tell = lambda *_: None,
) -> Predictions:
    """What the network says of every image of a split.

    Raises:
        DataError, ImageError: a file changed or can no longer be read.
        EvaluationError: the network gave a number that is not finite.
    """
    rows = manifest.rows(split)
    with PixelStore(room, manifest) as store:
        for done, total in store.fill(rows):
            tell("Opening pictures", done, total)
        pictures = Pictures(store, manifest.targets(), machine)
        steps = predicting(model, manifest.part(split), pictures.judged(rows, batch_size), machine)
        return ended(steps, lambda done: tell("Asking the network", done, len(rows)))


def predicting(
    network: nn.Module, part: Manifest, batches: Iterable[Batch], machine: Machine
) -> Generator[int, None, Predictions]:
    """`predict` batch by batch: yields the images done so far, returns the predictions.

    `batches` are what the network takes of every row of `part`. The network is left in the modes
    it was in.
    """
    logits = np.zeros((len(part), len(part.classes)))
    done = 0
    for inputs, _, places in batches:
        with evaluating(network), torch.inference_mode(), machine.autocast():
            answer = network(inputs)
        logits[places.numpy()] = answer.double().cpu().numpy()
        done += len(places)
        yield done
    facts = part.table[["image", "file", "patient", "split"]].reset_index(drop=True)
    truth = np.asarray(part.targets(), dtype=np.int64)
    return Predictions(part.classes, facts, truth, logits)
