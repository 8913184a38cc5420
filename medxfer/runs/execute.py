"""Executing a run: from its settings to its events, checkpoint and predictions."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace

import torch
from torchvision.models import ResNet

from medxfer import lock
from medxfer.audit.leaking import Known, known_now
from medxfer.cache.room import CacheRoom
from medxfer.config import Imbalance, Stage, TrainConfig
from medxfer.data.manifest import PARTS, Split
from medxfer.errors import RunError
from medxfer.events import (
    Cancelled,
    EpochFinished,
    Event,
    Finished,
    Fitted,
    Note,
    PhasePlan,
    PredictionsSaved,
    Progress,
    Resumed,
    Started,
    Stopped,
)
from medxfer.machine import versions
from medxfer.models.checkpoint import remove_leftovers
from medxfer.models.resnet import build, parameters_by_stage
from medxfer.models.weights.load import LoadedWeights, apply
from medxfer.paths import RunPaths, Workspace
from medxfer.runs.decisions import temper_after_training
from medxfer.runs.endings import Learned, ending
from medxfer.runs.fetching import fetched
from medxfer.runs.gates import make_within
from medxfer.runs.pausing import Pausing, paused
from medxfer.runs.resuming import (
    check_same_data,
    not_told_before,
    other_conditions,
    phase_of_best,
)
from medxfer.runs.store import Run, load_run
from medxfer.runs.summary import not_repeated
from medxfer.training.fit import fit
from medxfer.training.judge import judge
from medxfer.training.plan import plan
from medxfer.training.preflight import Ready, check_all_but_weights
from medxfer.training.saves import Saves, discard
from medxfer.training.state import State
from medxfer.training.watch import PauseRequestedError, StopRequestedError

_RESERVE = 1 << 16
"""Bytes kept on the disk for the last event of a run that fills it."""
_TWENTIETH = 0.05
"""Of a run's time that may go into what it knows of its own scans; else that is made later."""
_AFTER_A_STOP = 30
"""Seconds that predictions may take after a stop; what is missing is made when asked for."""


def execute(
    workspace: Workspace, run: str, pausing: Pausing | None = None, *, locked: bool = False
) -> Iterator[Event]:
    """Carry out a run in this process; each event is in the run's file before it is yielded.

    A run that was begun before goes on after its last saved epoch. The last event is `Finished`;
    `Stopped`, if a stop was requested in the run's folder; `Paused`, if `pausing` was asked for it
    or something is to be mended; or `Failed`. An error ends the run, not the caller. With `locked`
    the caller holds the run's lock already.

    Raises:
        RunError: the run is unknown or finished, or another process is executing it.
    """
    paths = load_run(workspace, run).paths
    pausing = pausing or Pausing(paths)

    def should_stop() -> bool:
        if pausing.asked.is_set():
            raise PauseRequestedError
        return paths.stop_request.exists()

    busy = RunError(
        f"The run {run} is being executed by another process.", "Wait until it ends, or stop it."
    )
    with nullcontext() if locked else lock.held(paths.lock, busy):
        loaded = load_run(workspace, run)
        if any(isinstance(event, Finished) for event in loaded.events):
            _tidy(paths)
            raise RunError(f"The run {run} is finished.", "Start a new one to train again.")
        learned, tell = Learned(workspace, loaded.config), pausing.words
        try:
            paths.reserve.write_bytes(bytes(_RESERVE))
            for event in _events(workspace, loaded, learned, should_stop):
                tell(event)
                if isinstance(event, Finished):
                    _tidy(paths)
                yield event
            paths.reserve.unlink(missing_ok=True)
        except PauseRequestedError:
            tell.last(word := paused())
            yield word
        except StopRequestedError:  # before there was anything to keep
            tell.last(cancelled := Cancelled())
            yield cancelled
        except Exception as error:  # noqa: BLE001 (the boundary: what is none of ours is logged)
            tell.last(last := ending(error, learned))
            yield last


def _events(
    workspace: Workspace, run: Run, learned: Learned, should_stop: Callable[[], bool]
) -> Iterator[Event]:
    begin = time.monotonic()
    config, paths = run.config, run.paths
    ready = check_all_but_weights(workspace, config)
    manifest = ready.manifest
    saves = Saves(paths.checkpoints, paths.events, config, manifest.classes)
    model, state, told = yield from _begun(workspace, run, ready, saves, should_stop)
    learned.saves, learned.epoch = saves, saves.epoch
    last, stopped = phase_of_best(told), False
    room = CacheRoom(workspace.cache)
    learning = fit(model, manifest, config, ready.machine, room, should_stop, saves, state)
    for event in not_told_before(learning, told):
        if isinstance(event, Fitted):
            stopped = event.reason == "stop_requested"
            saves.keep_best(event.best_epoch or 0, model.state_dict())
        if isinstance(event, Progress | EpochFinished):
            learned.epoch = event.epoch
        if isinstance(event, EpochFinished) and event.best:
            last = event.phase
        yield event
    first = plan(config)[last].stages[0]
    yield from _judged(workspace, run, ready, model, first, should_stop, stopped=stopped)
    if not (stopped or should_stop()):
        patience = _TWENTIETH * (time.monotonic() - begin)
        make_within(patience, workspace, run.summary.run, model, manifest, should_stop)
    seconds = time.monotonic() - begin
    stopped = stopped or should_stop()
    yield Stopped(seconds=seconds) if stopped else Finished(seconds=seconds)


def _begun(
    workspace: Workspace,
    run: Run,
    ready: Ready,
    saves: Saves,
    should_stop: Callable[[], bool],
) -> Generator[Event, None, tuple[ResNet, State | None, list[Event]]]:
    """Begin, or begin again: the network, the state to go on from, and what stays told."""
    config = run.config
    before = [event for event in run.events if isinstance(event, Started)]
    if before:
        check_same_data(run, ready.manifest)
    state = saves.load(f"run {run.summary.run}")
    weights = None if state else (yield from fetched(workspace, config, should_stop))
    model = _network(ready, config, weights)
    words = weights.description if weights else before[0].weights if before else ""
    known = known_now(workspace, config.data, ready.manifest)
    started = _started(config, ready, model, words, known)
    yield started
    told: list[Event] = []
    if before:
        yield (resumed := Resumed(epoch=saves.epoch))
        yield from other_conditions(before[-1], started)
        told = not_repeated([*run.events, resumed])
    saves.begin()
    for folder in (run.paths.root, run.paths.predictions("").parent):
        remove_leftovers(folder)
    for split in PARTS:  # what the network as it was has said
        run.paths.predictions(split).unlink(missing_ok=True)
    shutil.rmtree(run.paths.external, ignore_errors=True)
    return model, state, told


def _judged(
    workspace: Workspace,
    run: Run,
    ready: Ready,
    model: ResNet,
    first: Stage,
    should_stop: Callable[[], bool],
    *,
    stopped: bool,
) -> Iterator[Event]:
    """The answers of a network that learned from stage `first` on, and what follows from them."""
    config = run.config
    patience = time.monotonic() + _AFTER_A_STOP

    def give_up() -> bool:
        asked = should_stop()  # in any case: it may be a pause
        return time.monotonic() > patience if stopped else asked

    room = CacheRoom(workspace.cache)
    for split in PARTS[1:]:
        predictions = yield from judge(
            model, ready.manifest, split, first, config, ready.machine, room, give_up
        )
        if predictions is not None:
            told = replace(predictions, finding=config.positive)
            told.save(run.paths.predictions(split))
            yield PredictionsSaved(split=split, images=len(predictions))
    if config.imbalance is not Imbalance.NONE:
        yield from _tempered(workspace, run.summary.run)


def _tempered(workspace: Workspace, run: str) -> Iterator[Event]:
    """Switch the temperature on, if validation allows one, and say what that does."""
    line = temper_after_training(workspace, run)
    if line is not None:
        yield Note(
            text="Training did not count all images alike, which moves probabilities. A "
            f"temperature of {line.value:.2f}, fitted on validation, was switched on: "
            f"{line.effect}"
        )


def _network(ready: Ready, config: TrainConfig, weights: LoadedWeights | None) -> ResNet:
    """The network before its first step; what is random in it comes from the seed.

    Without weights those of a saved state are still to come.
    """
    torch.manual_seed(config.seed)
    model = build(config.depth, len(ready.manifest.classes), config.head)
    if weights:
        apply(model, weights)
    return model.to(ready.machine.device, memory_format=torch.channels_last)


def _started(
    config: TrainConfig, ready: Ready, model: ResNet, weights: str, known: Known
) -> Started:
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
        weights=weights,
        **asdict(known),
    )


def _tidy(paths: RunPaths) -> None:
    """Remove what a finished run needs no more; a process killed just before left it behind."""
    discard(paths.checkpoints)
    for file in (paths.reserve, paths.queued):
        file.unlink(missing_ok=True)
