"""What a run knows of the scans it learned from, kept with it: made once, from its own network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torchvision.models import ResNet

from medxfer import __version__
from medxfer.cache.room import CacheRoom
from medxfer.cache.shelf import Rows
from medxfer.data.integrity import check_unchanged
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest, Split
from medxfer.data.pixel_store import PixelStore
from medxfer.errors import MedxferError, RunError
from medxfer.evaluation.pictures import Pictures, pieces_of
from medxfer.explain.depths import Depths
from medxfer.explain.devices import other_devices
from medxfer.explain.gate import Gate, Looks, Unit, fit
from medxfer.explain.sides import Side, energy, sides
from medxfer.files import replacing, sha256_of, write_json
from medxfer.machine import Machine, choose
from medxfer.models.checkpoint import read_record
from medxfer.paths import RunPaths, Workspace
from medxfer.runs.loading import LoadedModel
from medxfer.runs.store import load_run, run_folder, trained_on
from medxfer.working import ended

SCHEMA = 1
MOST_TRAINING, MOST_VALIDATION = 2000, 500
"""Scans that a gate is fitted on at most; of more, as many of each class as there are."""
_VARIED = 4
"""Views of each validation scan as other devices might show it."""
_BATCH = 16
_FILE = "familiarity.safetensors"
_FAULTS = (OSError, ValueError, KeyError, TypeError, SafetensorError)

Progress = tuple[int, int]
"""Pictures done, of how many."""


def look(depths: Depths, inputs: Tensor) -> tuple[Looks, NDArray[np.float64]]:
    """What the checks go by of pictures (n, 3, 224, 224) as `to_input` gives them, and logits."""
    seen = depths.look(inputs)
    return Looks(sides(inputs, seen), energy(seen.logits)), seen.logits


def gate(
    workspace: Workspace, loaded: LoadedModel, tell: Callable[[int, int], None] = lambda *_: None
) -> Gate:
    """The gate of a run: the kept one, or one made now and kept.

    Raises:
        RunError: there is none, and the data set is not the one the run was trained on, or the
            disk refused.
        DataError: there is none, and the data set is gone or its files changed.
        ExplainError: it has too few scans.
    """
    return ended(making(workspace, loaded), lambda step: tell(*step))


def making(workspace: Workspace, loaded: LoadedModel) -> Generator[Progress, None, Gate]:
    """`gate` step by step: yields how far it is, returns it. One that is damaged is made anew."""
    kept = load(workspace, loaded)
    if kept is not None:
        return kept
    manifest = load_manifest(workspace, loaded.config.data)
    trained_on(load_run(workspace, loaded.run), manifest)
    check_unchanged(manifest.part(Split.TRAIN, Split.VALIDATION))
    made = yield from fitting(
        workspace, Depths(loaded.model, choose(loaded.config).device), manifest
    )
    try:
        keep(workspace, loaded.run, made, loaded.sha256)
    except OSError as error:
        raise RunError(
            f"What run {loaded.run} knows of its own scans could not be kept: {error.strerror}.",
            "Free some space or check the permissions, and try again.",
        ) from error
    return made


def fitting(
    workspace: Workspace, depths: Depths, manifest: Manifest
) -> Generator[Progress, None, Gate]:
    """Fit the gate of a network that learned from the manifest's training part.

    Yields pictures looked at; nothing is kept.

    Raises:
        DataError, ImageError: a file changed or can no longer be read.
        ExplainError: there are too few scans.
    """
    known = yield from looking(workspace, depths, manifest)
    return fit(known.training, known.images, known.labels, known.validation, known.varied)


@dataclass(frozen=True)
class Known:
    """What a network makes of its own scans: all that a gate is fitted from."""

    training: Looks
    images: tuple[str, ...]
    """Of the training scans, ids; `labels` are their classes."""
    labels: tuple[str, ...]
    validation: Looks
    varied: Looks
    """The validation scans as other devices might show them."""


def looking(
    workspace: Workspace, depths: Depths, manifest: Manifest
) -> Generator[Progress, None, Known]:
    """`fitting` without the fit."""
    rows = _drawn(manifest, Split.TRAIN, MOST_TRAINING)
    held_out = _drawn(manifest, Split.VALIDATION, MOST_VALIDATION)
    total = len(rows) + (1 + _VARIED) * len(held_out)
    exact = Machine(depths.device, torch.float32)
    with PixelStore(CacheRoom(workspace.cache), manifest) as store:
        for _ in store.fill(np.concatenate((rows, held_out))):
            yield 0, total
        pictures = Pictures(store, manifest.targets(), exact)
        looks: list[Looks] = []
        done = 0
        for inputs in _views(pictures, rows, held_out):
            looks.append(look(depths, inputs)[0])
            done += len(inputs)
            yield done, total
    everything = _joined(looks)
    first, second = len(rows), len(rows) + len(held_out)
    table = manifest.table.iloc[rows]
    return Known(
        _cut(everything, 0, first),
        tuple(table["image"]),
        tuple(table["label"]),
        _cut(everything, first, second),
        _cut(everything, second, total),
    )


def make_within(
    seconds: float,
    workspace: Workspace,
    run: str,
    model: ResNet,
    manifest: Manifest,
    give_up: Callable[[], bool] = lambda: False,
) -> bool:
    """Fit and keep the gate of a run that has just ended, if that takes no longer than `seconds`.

    Whether it will is told by the first pictures. Without it the gate is made when it is first
    asked for. Returns whether it was made.
    """
    begin = time.monotonic()
    with suppress(OSError, MedxferError, torch.OutOfMemoryError):
        work = fitting(workspace, Depths(model), manifest)
        while True:
            try:
                done, total = next(work)
            except StopIteration as end:
                record = read_record(workspace.run(run).checkpoints, run)
                keep(workspace, run, end.value, record.sha256)
                return True
            taken = time.monotonic() - begin
            if give_up() or taken * (total if done else 1) > seconds * max(done, 1):
                work.close()
                return False
    return False


def keep(workspace: Workspace, run: str, made: Gate, weights: str) -> None:
    """Store a gate with its run; `weights` is the SHA-256 of the network's file.

    Raises:
        OSError: the disk refused.
    """
    folder = run_folder(workspace, run).root
    tensors = {str(side): vectors for side, vectors in made.vectors.items()}
    with replacing(folder / _FILE) as temporary:
        save_file({**tensors, "known": made.known}, temporary)
    record = {
        "schema_version": SCHEMA,
        "sha256": sha256_of(folder / _FILE),
        "weights_sha256": weights,
        "limit": made.limit,
        "units": {name: vars(unit) for name, unit in made.units.items()},
        "images": list(made.images),
        "labels": list(made.labels),
        "medxfer": __version__,
    }
    write_json(workspace.run(run).familiarity, record)


def load(workspace: Workspace, loaded: LoadedModel) -> Gate | None:
    """The kept gate of a run; None if there is none of this network, or it is damaged."""
    paths = run_folder(workspace, loaded.run)
    with suppress(*_FAULTS):
        return _read(paths, loaded.sha256)
    return None


def _read(paths: RunPaths, weights: str) -> Gate:
    """What `keep` wrote; raises one of `_FAULTS` if it is something else."""
    folder = paths.root
    record = json.loads(paths.familiarity.read_bytes())
    wanted = (SCHEMA, weights, sha256_of(folder / _FILE))
    if (record["schema_version"], record["weights_sha256"], record["sha256"]) != wanted:
        raise ValueError("of another network, of another version, or altered")
    tensors = load_file(folder / _FILE)
    vectors = {side: tensors[str(side)] for side in Side}
    units = {name: Unit(**unit) for name, unit in record["units"].items()}
    images, labels = tuple(record["images"]), tuple(record["labels"])
    if {len(images), len(labels)} != {len(rows) for rows in vectors.values()}:
        raise ValueError("not one id and one class for each scan")
    return Gate(vectors, images, labels, units, float(record["limit"]), tensors["known"])


def _drawn(manifest: Manifest, split: Split, most: int) -> Rows:
    """At most this many rows of a part, drawn evenly by class, in the manifest's order."""
    rows = manifest.rows(split)
    if len(rows) <= most:
        return rows
    random = np.random.default_rng(0)
    targets = np.asarray(manifest.targets())[rows]
    shuffled = random.permutation(len(rows))
    turn = np.empty(len(rows), dtype=np.int64)  # how many of its class come before each row
    for cls in np.unique(targets):
        own = shuffled[targets[shuffled] == cls]
        turn[own] = np.arange(len(own))
    return np.sort(rows[shuffled[np.argsort(turn[shuffled], kind="stable")[:most]]])


def _views(pictures: Pictures, known: Rows, held_out: Rows) -> Iterator[Tensor]:
    """The network's views by the batch: of both as they are, then of the latter as varied."""
    for rows in (known, held_out):
        for inputs, _, _ in pictures.judged(rows, _BATCH):
            yield inputs
    for seed in range(_VARIED):
        drawn = other_devices(pictures.store.sizes, seed)
        pieces = pieces_of(held_out, _BATCH)
        yield from pictures.inputs((piece, drawn[torch.from_numpy(piece)]) for piece in pieces)


def _joined(looks: list[Looks]) -> Looks:
    together = {side: np.concatenate([one.sides[side] for one in looks]) for side in Side}
    return Looks(together, np.concatenate([one.energy for one in looks]))


def _cut(looks: Looks, start: int, end: int) -> Looks:
    cut: dict[Side, NDArray[np.float32]] = {side: v[start:end] for side, v in looks.sides.items()}
    return Looks(cut, looks.energy[start:end])
