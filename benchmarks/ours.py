"""medxfer's own engine, measured as the plain loop is."""

from __future__ import annotations

import time

import torch
from torchvision.models import ResNet

from benchmarks.outcome import Outcome, PeakMemory
from benchmarks.packs import HOME
from medxfer.cache.room import CacheRoom
from medxfer.config import TrainConfig
from medxfer.data.manifest import Manifest, Split
from medxfer.evaluation.metrics import summary
from medxfer.events import EpochFinished, Fitted
from medxfer.machine import choose, keep_freed_memory
from medxfer.training.fit import fit
from medxfer.training.judge import judge
from medxfer.training.plan import plan
from medxfer.working import ended

CACHE = HOME / "cache-of-benchmarks"
"""Decoded images and features; remove it to begin from nothing."""


def run_ours(model: ResNet, manifest: Manifest, config: TrainConfig) -> Outcome:
    """Fit as the app does, on the machine it would choose, then judge the best epoch on test.

    The network is changed in place and left with the weights of the best epoch.
    """
    keep_freed_memory()
    machine, room = choose(config), CacheRoom(CACHE)
    model.to(machine.device, memory_format=torch.channels_last)
    epochs: list[EpochFinished] = []
    elapsed: list[float] = []
    begin, best, phase = time.monotonic(), None, 0
    with PeakMemory() as peak:
        for event in fit(model, manifest, config, machine, room):
            if isinstance(event, EpochFinished):
                epochs.append(event)
                elapsed.append(time.monotonic() - begin)
                phase = event.phase if event.best else phase
            if isinstance(event, Fitted):
                best = event.best_epoch
        first = plan(config)[phase].stages[0]
        test = ended(judge(model, manifest, Split.TEST, first, config, machine, room))
    return Outcome(
        seconds=[event.seconds for event in epochs],
        elapsed=elapsed,
        auroc=[event.validation["auroc"] for event in epochs],
        best_epoch=best,
        test_auroc=summary(test)["auroc"],
        peak_memory=peak.bytes,
        images_per_second=len(manifest.part(Split.TRAIN)) * len(epochs) / elapsed[-1],
    )
