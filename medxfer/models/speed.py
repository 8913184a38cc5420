"""How fast this machine is: measured in a few seconds, for estimates before a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from statistics import median

import torch

from medxfer.config import Depth, HeadConfig, Stage
from medxfer.models.cost import TRAINING_PASSES, Throughput, cost
from medxfer.models.prefix import Prefix
from medxfer.models.preprocessing import CROP
from medxfer.models.resnet import build

BATCH = {"cpu": 8, "cuda": 64}
"""Pictures a step, by kind of device."""

_LEAST_STEPS = 3


def measure(
    device: torch.device | str, dtype: torch.dtype = torch.float32, seconds: float = 1.0
) -> Throughput:
    """Run a ResNet-18 on random pictures for about `seconds` forward and as long in training.

    `dtype` is the arithmetic: float32, or bfloat16 (under autocast where the network learns). The
    forward rate is that of frozen stages as a run computes them: with batch norm folded in, and on
    a CPU one core a thread, each with pictures of its own.
    """
    device = torch.device(device)
    head = HeadConfig(kind="linear")
    model = build(Depth.RESNET18, 2, head).to(device, memory_format=torch.channels_last)
    frozen = Prefix(model, Stage.HEAD, dtype)
    batch = BATCH[device.type]
    pictures = torch.rand(batch, 3, CROP, CROP, device=device, dtype=dtype)
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    counted = cost(Depth.RESNET18, head, 2)
    frozen_operations = counted.operations - counted.operations_by_stage[Stage.HEAD]

    def train() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            logits: torch.Tensor = model(pictures)
        logits.float().logsumexp(1).sum().backward()  # type: ignore[no-untyped-call]
        _wait_for(device)

    with _side_by_side(lambda: frozen(pictures), device) as (forward, times):
        forward_rate = rate(forward, times * batch * frozen_operations, seconds)
    model.train()
    training_rate = rate(train, batch * counted.operations * TRAINING_PASSES, seconds)
    return Throughput(forward_rate, training_rate)


def rate(
    step: Callable[[], None],
    operations: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Operations a second of `step`: the median of at least three, after one to warm up."""
    step()
    durations: list[float] = []
    while len(durations) < _LEAST_STEPS or sum(durations) < seconds:
        start = clock()
        step()
        durations.append(clock() - start)
    return operations / median(durations)


@contextmanager
def _side_by_side(
    step: Callable[[], object], device: torch.device
) -> Iterator[tuple[Callable[[], None], int]]:
    """Something that does `step` in each of several threads at once, and in how many."""
    threads = torch.get_num_threads()
    times = threads if device.type == "cpu" else 1
    alone = partial(torch.set_num_threads, 1) if device.type == "cpu" else None

    def together() -> None:
        for done in [pool.submit(step) for _ in range(times)]:
            done.result()
        _wait_for(device)

    try:
        with ThreadPoolExecutor(times, initializer=alone) as pool:
            yield together, times
    finally:
        torch.set_num_threads(threads)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
