"""A trained network on disk: weights, and beside them what is needed to use them.

`best.json` names a weights file and its SHA-256. A new checkpoint is a new weights file, then a
new `best.json`, then the old weights go: killed at any moment, `best.json` names a whole file.
`state.json`, by which a run goes on (`training.saves`), lies beside it and names files as well.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import ResNet

from medxfer import __version__
from medxfer.config import Depth, HeadConfig, Settings
from medxfer.errors import WeightsError
from medxfer.files import replacing, sha256_of, write_text
from medxfer.models.preprocessing import CROP, MEAN, RESIZE, STD
from medxfer.models.resnet import build

SCHEMA = 1
BEST, STATE = "best.json", "state.json"

_NAMED = re.compile(rb'"file":\s*"([^"]+)"')
_REFUSED = re.compile(r"os error (\d+)")


class Preprocessing(Settings):
    """How a picture becomes an input: short side to `resize`, centre `crop`, normalised."""

    resize: int = RESIZE
    crop: int = CROP
    mean: tuple[float, ...] = tuple(MEAN)
    std: tuple[float, ...] = tuple(STD)


class Record(Settings):
    """What `best.json` holds."""

    schema_version: Annotated[int, Field(le=SCHEMA)] = SCHEMA
    file: str
    sha256: str
    depth: Depth
    head: HeadConfig
    classes: tuple[str, ...]
    epoch: int
    """The epoch the weights are of, from 1."""
    preprocessing: Preprocessing = Preprocessing()
    medxfer: str = __version__


def save(
    model: ResNet,
    folder: Path,
    *,
    depth: Depth,
    head: HeadConfig,
    classes: tuple[str, ...],
    epoch: int,
) -> Record:
    """Keep the network's weights as the best ones of this folder.

    Raises:
        WeightsError: a weight is not a finite number; what was kept before stays.
    """
    weights = write_weights(folder / weights_file(epoch), model.state_dict(), epoch)
    record = Record(
        file=weights.name, sha256=sha256_of(weights), depth=depth, head=head, classes=classes,
        epoch=epoch,
    )  # fmt: skip
    write_record(folder, record)
    prune(folder)
    return record


def weights_file(epoch: int) -> str:
    """The name of the weights of an epoch that was the best."""
    return f"epoch-{epoch:04d}.safetensors"


def write_weights(path: Path, tensors: Mapping[str, Tensor], epoch: int) -> Path:
    """Write tensors beside `path` and rename; `epoch` is for the message.

    Raises:
        WeightsError: one of them is not finite; what was there before stays.
        OSError: the disk is full or refuses; what was there before stays.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    if not all(is_finite(value) for value in state.values()):
        raise WeightsError(
            f"The weights of epoch {epoch} hold numbers that are not finite and were not kept.",
            "Train again with a lower learning rate.",
        )
    with replacing(path) as temporary:
        try:
            save_file(state, temporary)
        except SafetensorError as error:  # what the system said is in its words only
            if said := _REFUSED.search(str(error)):
                number = int(said[1])
                raise OSError(number, os.strerror(number), str(path)) from error
            raise
    return path


def is_finite(value: Tensor) -> bool:
    """Whether all its numbers are; their sum in double precision is, if and only if they are.

    Looking at each takes longer than writing them.
    """
    return math.isfinite(float(value.sum(dtype=torch.float64)))


def write_record(folder: Path, record: Record) -> None:
    """Make a record, whose weights are there, the one of this folder."""
    write_text(folder / BEST, record.model_dump_json(indent=2) + "\n")


def prune(folder: Path) -> None:
    """Remove weights that neither record names, and what a killed writer left half-written.

    For the one process that writes here, between two writes.
    """
    named = set[str]()
    for record in (BEST, STATE):
        with suppress(FileNotFoundError):
            named |= {name.decode() for name in _NAMED.findall((folder / record).read_bytes())}
    for kind in ("epoch", "last", "frozen"):
        for file in folder.glob(f"{kind}-*.safetensors"):
            if file.name not in named:
                file.unlink()
    remove_leftovers(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files, ours and those of safetensors, of a writer that was killed."""
    for pattern in (".*.tmp", ".tmp*"):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)


def read_record(folder: Path, owner: str) -> Record:
    """What `best.json` says; `owner` names the run in messages.

    Raises:
        WeightsError: nothing is saved yet, or the record is damaged or of a newer version.
    """
    try:
        return Record.model_validate_json((folder / BEST).read_bytes())
    except FileNotFoundError:
        raise WeightsError(
            f"{owner} has saved no weights yet.", "Wait for its first epoch, or choose another run."
        ) from None
    except (OSError, ValidationError) as error:
        raise WeightsError(
            f"The record beside the weights of {owner} is damaged, or of a newer version of "
            "medxfer.",
            "Choose another run, or train this one again.",
        ) from error


def verified(folder: Path, owner: str) -> tuple[Record, Path]:
    """The record and its weights file, unchanged since it was saved.

    Raises:
        WeightsError: there is none, or its checksum differs.
    """
    record = read_record(folder, owner)
    weights = folder / record.file
    if not weights.is_file() or sha256_of(weights) != record.sha256:
        raise WeightsError(
            f"The weights of {owner} are damaged: their checksum is not the one recorded when "
            "they were saved.",
            "Choose another run, or train this one again.",
        )
    return record, weights


def load(folder: Path, owner: str) -> tuple[ResNet, Record]:
    """The network in evaluation mode, on the CPU, checked against its record.

    Raises:
        WeightsError: it is missing, damaged or does not fit.
    """
    record, weights = verified(folder, owner)
    model = build(record.depth, len(record.classes), record.head)
    try:
        model.load_state_dict(load_file(weights), strict=True)
    except (RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"The weights of {owner} do not fit the network its record describes.",
            "Choose another run, or train this one again.",
        ) from error
    return model.eval(), record
