"""Executing a run: from its settings to its events, checkpoint and predictions."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import asdict, replace

import torch
from torchvision.models import ResNet

from medxfer import lock
from medxfer.audit.leaking import Known, known_now
from medxfer.cache.room import CacheRoom
from medxfer.config import Imbalance, TrainConfig
from medxfer.data.manifest import PARTS, Manifest, Split
from medxfer.errors import MedxferError, RunError
from medxfer.events import (
    EpochFinished,
    Event,
    Failed,
    Finished,
    Fitted,
    Note,
    PhasePlan,
    PredictionsSaved,
    Started,
    Stopped,
)
from medxfer.machine import versions
from medxfer.models import checkpoint
from medxfer.models.resnet import build, parameters_by_stage
from medxfer.models.weights.load import apply
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import journal
from medxfer.runs.decisions import temper_after_training
from medxfer.runs.gates import make_within
from medxfer.runs.store import load_run
from medxfer.training.fit import fit
from medxfer.training.judge import judge
from medxfer.training.plan import plan
from medxfer.training.preflight import Ready, check

log = logging.getLogger(__name__)

_RESERVE = 1 << 16
"""Bytes kept on the disk for the last event of a run that fills it."""
_TIMES_A_SAVE = 20
"""A save is put off until this many times its duration have passed since the one before."""
_TWENTIETH = 0.05
"""Of a run's time that may go into what it knows of its own scans; else that is made later."""
_AFTER_A_STOP = 30
"""Seconds that predictions may take after a stop; what is missing is made when asked for."""


def execute(
    workspace: Workspace,
    run: str,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    locked: bool = False,
) -> Iterator[Event]:
    """Carry out a run in this process; each event is in the run's file before it is yielded.

    The last event is `Finished`, `Stopped` or `Failed`; an error ends the run, not the caller.
    It stops when `should_stop` says so or when a stop was requested in the run's folder. With
    `locked` the caller holds the run's lock already.

    Raises:
        RunError: the run is unknown, or another process is executing it.
    """
    loaded = load_run(workspace, run)
    paths = loaded.paths

    def stop() -> bool:
        return should_stop() or paths.stop_request.exists()

    busy = RunError(
        f"The run {run} is being executed by another process.", "Wait until it ends, or stop it."
    )
    with nullcontext() if locked else lock.held(paths.lock, busy):
        try:
            paths.reserve.write_bytes(bytes(_RESERVE))
            for event in _events(workspace, run, loaded.config, paths, stop):
                journal.append(paths.events, event)
                yield event
            paths.reserve.unlink()
        except MedxferError as error:
            yield _failed(paths, Failed(problem=error.problem, remedy=error.remedy))
        except OSError as error:
            log.exception("the system refused")
            yield _failed(paths, _refused(error, workspace))
        except torch.OutOfMemoryError:
            log.exception("out of device memory")
            yield _failed(paths, _out_of_memory(loaded.config))
        except Exception:
            error_id = secrets.token_hex(4)
            log.exception("bug %s", error_id)
            yield _failed(paths, _bug(error_id))


def _events(
    workspace: Workspace,
    run: str,
    config: TrainConfig,
    paths: RunPaths,
    should_stop: Callable[[], bool],
) -> Iterator[Event]:
    begin = time.monotonic()
    ready = check(workspace, config)
    manifest, machine, room = ready.manifest, ready.machine, CacheRoom(workspace.cache)
    model = _network(config, ready)
    known = known_now(workspace, config.data, ready.manifest)
    yield _started(config, ready, model, known)
    keeper = _Keeper(model, paths, config, manifest)
    phases, learned, stopped = plan(config), 0, False
    try:
        for event in fit(model, manifest, config, machine, room, should_stop):
            if isinstance(event, Fitted):
                stopped = event.reason == "stop_requested"
                keeper.keep(event.best_epoch or 0)
            yield event
            # Told first, then saved: whatever happens in between, the epoch on disk has been told.
            if isinstance(event, EpochFinished) and event.best:
                learned = event.phase
                keeper.offer(event.epoch)
    except Exception:
        with suppress(OSError, MedxferError):
            keeper.keep_what_was_put_off()
        raise
    patience = time.monotonic() + _AFTER_A_STOP

    def give_up() -> bool:
        return time.monotonic() > patience if stopped else should_stop()

    first = phases[learned].stages[0]
    for split in PARTS[1:]:
        predictions = yield from judge(
            model, manifest, split, first, config, machine, room, give_up
        )
        if predictions is not None:
            told = replace(predictions, finding=config.positive)
            told.save(paths.predictions(split))
            yield PredictionsSaved(split=split, images=len(predictions))
    if config.imbalance is not Imbalance.NONE:
        yield from _tempered(workspace, run)
    if not (stopped or should_stop()):
        patience = _TWENTIETH * (time.monotonic() - begin)
        make_within(patience, workspace, run, model, manifest, should_stop)
    seconds = time.monotonic() - begin
    stopped = stopped or should_stop()
    yield Stopped(seconds=seconds) if stopped else Finished(seconds=seconds)


def _tempered(workspace: Workspace, run: str) -> Iterator[Event]:
    """Switch the temperature on, if validation allows one, and say what that does."""
    line = temper_after_training(workspace, run)
    if line is not None:
        yield Note(
            text="Training did not count all images alike, which moves probabilities. A "
            f"temperature of {line.value:.2f}, fitted on validation, was switched on: "
            f"{line.effect}"
        )


class _Keeper:
    """Saves the best epoch, but spends no more than a twentieth of the time on it.

    Epochs over cached features take less time than writing the network does. What is put off is
    saved with the next best epoch, or at the end.
    """

    def __init__(
        self, model: ResNet, paths: RunPaths, config: TrainConfig, manifest: Manifest
    ) -> None:
        self._model, self._paths, self._config = model, paths, config
        self._classes = manifest.classes
        self._saved: int | None = None
        self._offered: int | None = None
        self._next = 0.0

    def offer(self, epoch: int) -> None:
        """The network has the weights of this epoch, which is the best so far."""
        self._offered = epoch
        if time.monotonic() >= self._next:
            self.keep(epoch)

    def keep_what_was_put_off(self) -> None:
        """The network has the weights of the best epoch, and learning has ended early."""
        if self._offered is not None:
            self.keep(self._offered)

    def keep(self, epoch: int) -> None:
        """Save the network as it is now, unless this epoch is saved already."""
        if epoch == self._saved:
            return
        begin = time.monotonic()
        checkpoint.save(
            self._model,
            self._paths.checkpoints,
            depth=self._config.depth,
            head=self._config.head,
            classes=self._classes,
            epoch=epoch,
        )
        self._saved = epoch
        end = time.monotonic()
        self._next = end + _TIMES_A_SAVE * (end - begin)


def _network(config: TrainConfig, ready: Ready) -> ResNet:
    """The network before its first step; what is random in it comes from the seed."""
    torch.manual_seed(config.seed)
    model = build(config.depth, len(ready.manifest.classes), config.head)
    apply(model, ready.weights)
    return model.to(ready.machine.device, memory_format=torch.channels_last)


def _started(config: TrainConfig, ready: Ready, model: ResNet, known: Known) -> Started:
    machine, manifest = ready.machine, ready.manifest
    counts = parameters_by_stage(model)
    phases = tuple(
        PhasePlan(
            name=phase.name,
            stages=phase.stages,
            learning_rate=phase.learning_rate,
            epochs=phase.epochs,
            learning_parameters=sum(counts[stage] for stage in phase.stages),
        )
        for phase in plan(config)
    )
    return Started(
        pid=os.getpid(),
        device=machine.name,
        precision=str(machine.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        versions=versions(),
        manifest_hash=manifest.content_hash,
        split_hash=manifest.split_hash,
        classes=manifest.classes,
        images={str(split): len(manifest.part(split)) for split in Split},
        parameters=sum(counts.values()),
        phases=phases,
        weights=ready.weights.description,
        **asdict(known),
    )


def _failed(paths: RunPaths, event: Failed) -> Failed:
    paths.reserve.unlink(missing_ok=True)  # on a full disk this makes room for the last words
    with suppress(OSError):
        journal.append(paths.events, event)
    return event


def _refused(error: OSError, workspace: Workspace) -> Failed:
    kept = "What was saved before is safe."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failed(
            problem=f"The disk of {workspace.root} is full, and the run had to end. {kept}",
            remedy="Free some space and start the run again.",
        )
    return Failed(
        problem=f"The run could not read or write a file ({error.strerror}) and ended. {kept}",
        remedy=f"Check the disk and the permissions of {workspace.root}, and start again.",
    )


def _out_of_memory(config: TrainConfig) -> Failed:
    return Failed(
        problem=f"The GPU's memory is too small for ResNet-{config.depth} with "
        f"{config.batch_size} pictures at a time. The best epoch before that is kept.",
        remedy=f"Start again with a batch size of {max(2, config.batch_size // 2)}, or a "
        "shallower network.",
    )


def _bug(error_id: str) -> Failed:
    return Failed(
        problem="The run met a fault of medxfer itself and could not go on. What it had saved is "
        "kept.",
        remedy=f"Report it with the error id {error_id}; the details are in the run's log.",
        error_id=error_id,
    )
