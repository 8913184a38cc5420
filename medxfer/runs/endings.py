"""What an error makes of a run: paused, to go on once it is mended, or failed."""

from __future__ import annotations

import errno
import logging
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass

import torch

from medxfer.config import TrainConfig
from medxfer.data.integrity import check_unchanged
from medxfer.data.library import load_manifest
from medxfer.data.manifest import PARTS
from medxfer.errors import (
    CacheError,
    DataError,
    DeviceError,
    DiskError,
    MedxferError,
    WeightsError,
    WorkspaceError,
)
from medxfer.events import Failed, Paused
from medxfer.paths import Workspace
from medxfer.training.saves import Saves

log = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEGABYTE = 1_000_000


class ChangedError(DataError):
    """The data set is not the one that the run began with."""


@dataclass
class Learned:
    """How far a run is, for its last words."""

    workspace: Workspace
    config: TrainConfig
    epoch: int = 0
    """The one that is being learned; 0 before the first."""
    saves: Saves | None = None
    """None before the data set is open."""

    @property
    def safe(self) -> str:
        """What is not lost, as a sentence."""
        if self.saves and self.saves.epoch:
            return f"The checkpoint of epoch {self.saves.epoch} is safe."
        return "No epoch was saved yet: the run will begin anew."


def ending(error: Exception, learned: Learned) -> Paused | Failed:
    """The last event of a run that an error ended; a bug gets an id and its traceback a log."""
    match error:
        case DataError():
            return _data(error, learned)
        case WeightsError():
            return _paused("data", error, learned)
        case DeviceError():
            return _paused("device", error, learned)
        case DiskError() | CacheError() | WorkspaceError():
            return _paused("disk", error, learned)
        case MedxferError():
            return Failed(problem=error.problem, remedy=error.remedy)
        case OSError():
            log.exception("the system refused")
            return _refused(error, learned)
        case torch.OutOfMemoryError():
            log.exception("out of device memory")
            return _out_of_memory(learned)
        case _ if _is_device_lost(error):
            log.exception("device lost")
            return _device_lost(learned)
        case _:
            return _bug()


def _paused(reason: str, error: MedxferError, learned: Learned) -> Paused:
    saved = learned.saves is not None and learned.saves.epoch
    problem = f"{error.problem} {learned.safe}" if saved else error.problem
    return Paused.model_validate({"reason": reason, "problem": problem, "remedy": error.remedy})


def _data(error: DataError, learned: Learned) -> Paused:
    """All files that changed, not only the one that was met first."""
    if isinstance(error, ChangedError):
        return _paused("data", error, learned)
    try:
        with suppress(OSError):
            manifest = load_manifest(learned.workspace, learned.config.data)
            check_unchanged(manifest.part(*PARTS))
    except DataError as found:
        error = found
    remedy = "Put the old files back and press Continue, or import the data set again."
    kept = error if "changed or vanished" not in error.problem else DataError(error.problem, remedy)
    return _paused("data", kept, learned)


def _refused(error: OSError, learned: Learned) -> Paused:
    root = learned.workspace.root
    if error.errno in _FULL:
        needed = learned.saves.needed if learned.saves else 0
        short = needed - shutil.disk_usage(root).free
        size = (
            f"at least {short / _MEGABYTE:.0f} MB short" if short > _MEGABYTE else "space ran out"
        )
        return Paused(
            reason="disk",
            problem=f"The disk of {root} is full: {size}. {learned.safe}",
            remedy="Free some space and press Continue.",
        )
    return Paused(
        reason="disk",
        problem=f"The run could not read or write a file ({error.strerror}). {learned.safe}",
        remedy=f"Check the disk and the permissions of {root}, and press Continue.",
    )


def _is_device_lost(error: Exception) -> bool:
    lost = isinstance(error, torch.AcceleratorError)
    return lost or (isinstance(error, RuntimeError) and "CUDA error" in str(error))


def _device_lost(learned: Learned) -> Paused:
    when = f"in epoch {learned.epoch}" if learned.epoch else "before the first epoch"
    return Paused(
        reason="device",
        problem=f"The GPU was lost {when}. {learned.safe}",
        remedy="Look after the GPU and its driver (nvidia-smi), then press Continue.",
    )


def _out_of_memory(learned: Learned) -> Failed:
    config = learned.config
    return Failed(
        problem=f"The GPU's memory is too small for ResNet-{config.depth} with "
        f"{config.batch_size} pictures at a time. The best epoch before that is kept.",
        remedy=f"Start again with a batch size of {max(2, config.batch_size // 2)}, or a "
        "shallower network.",
    )


def _bug() -> Failed:
    error_id = secrets.token_hex(4)
    log.exception("bug %s", error_id)
    return Failed(
        problem="The run met a fault of medxfer itself and could not go on. What it had saved is "
        "kept.",
        remedy=f"Report it with the error id {error_id}; the details are in the run's log.",
        error_id=error_id,
    )
