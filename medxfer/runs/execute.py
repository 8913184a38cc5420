"""Executing a run: from its settings to its events, checkpoint and predictions."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator

import torch
from torchvision.models import ResNet

from medxfer import lock
from medxfer.config import TrainConfig
from medxfer.data.library import load_manifest
from medxfer.data.manifest import PARTS, Manifest, Split
from medxfer.errors import MedxferError, RunError
from medxfer.evaluation.predict import predict
from medxfer.events import (
    EpochFinished,
    Event,
    Failed,
    Finished,
    Fitted,
    PhasePlan,
    PredictionsSaved,
    Started,
    Stopped,
)
from medxfer.machine import Machine, choose, versions
from medxfer.models import checkpoint
from medxfer.models.resnet import build, parameters_by_stage
from medxfer.models.weights.load import LoadedWeights, apply, load_weights
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import journal
from medxfer.runs.store import load_run
from medxfer.training.fit import fit
from medxfer.training.plan import plan
from medxfer.training.preflight import check

log = logging.getLogger(__name__)


def execute(
    workspace: Workspace, run: str, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Carry out a run in this process; each event is in the run's file before it is yielded.

    The last event is `Finished`, `Stopped` or `Failed`; an error ends the run, not the caller.
    It stops when `should_stop` says so or when a stop was requested in the run's folder.

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
    with lock.held(paths.lock, busy):
        try:
            for event in _events(workspace, run, loaded.config, paths, stop):
                journal.append(paths.events, event)
                yield event
        except MedxferError as error:
            yield _failed(paths, Failed(problem=error.problem, remedy=error.remedy))
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
    check(workspace, config)
    machine = choose(config)
    manifest = load_manifest(workspace, config.data)
    weights = load_weights(config.weights, config.depth, workspace)
    model = _network(config, manifest, weights, machine)
    yield _started(config, manifest, weights, machine, model)
    stopped = False
    for event in fit(model, manifest, config, machine, should_stop):
        if isinstance(event, EpochFinished) and event.best:
            _keep(model, paths, config, manifest, event.epoch)
        if isinstance(event, Fitted):
            stopped = event.reason == "stop_requested"
            if event.best_epoch is None:
                _keep(model, paths, config, manifest, epoch=0)
        yield event
    for split in PARTS[1:]:
        part = manifest.part(split)
        if len(part):
            predict(model, part, machine, config.batch_size).save(paths.predictions(split))
            yield PredictionsSaved(split=split, images=len(part))
    seconds = time.monotonic() - begin
    yield Stopped(seconds=seconds) if stopped else Finished(seconds=seconds)


def _network(
    config: TrainConfig, manifest: Manifest, weights: LoadedWeights, machine: Machine
) -> ResNet:
    """The network before its first step; what is random in it comes from the seed."""
    torch.manual_seed(config.seed)
    model = build(config.depth, len(manifest.classes), config.head)
    apply(model, weights)
    return model.to(machine.device, memory_format=torch.channels_last)


def _keep(
    model: ResNet, paths: RunPaths, config: TrainConfig, manifest: Manifest, epoch: int
) -> None:
    checkpoint.save(
        model,
        paths.checkpoints,
        depth=config.depth,
        head=config.head,
        classes=manifest.classes,
        epoch=epoch,
    )


def _started(
    config: TrainConfig,
    manifest: Manifest,
    weights: LoadedWeights,
    machine: Machine,
    model: ResNet,
) -> Started:
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
        weights=weights.description,
    )


def _failed(paths: RunPaths, event: Failed) -> Failed:
    journal.append(paths.events, event)
    return event


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
