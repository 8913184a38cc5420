"""How fast this machine is: measured in a few seconds, for estimates before a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from medxfer.config import Depth, HeadConfig
from medxfer.models.cost import TRAINING_PASSES, Throughput, cost
from medxfer.models.preprocessing import CROP
from medxfer.models.resnet import build

BATCH = {"cpu": 8, "cuda": 64}
"""Pictures a step, by kind of device."""

_LEAST_STEPS = 3


def measure(
    device: torch.device | str, dtype: torch.dtype = torch.float32, seconds: float = 1.0
) -> Throughput:
    """Run a ResNet-18 on random pictures for about `seconds` forward and as long in training.

    `dtype` is the arithmetic of the forward pass: float32, or bfloat16 under autocast.
    """
    device = torch.device(device)
    head = HeadConfig(kind="linear")
    model = build(Depth.RESNET18, 2, head).to(device, memory_format=torch.channels_last)
    batch = BATCH[device.type]
    pictures = torch.rand(batch, 3, CROP, CROP, device=device)
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    operations = batch * cost(Depth.RESNET18, head, 2).operations

    def forward() -> torch.Tensor:
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            logits: torch.Tensor = model(pictures)
        return logits

    def predict() -> None:
        with torch.inference_mode():
            forward()
        _wait_for(device)

    def train() -> None:
        model.zero_grad(set_to_none=True)
        forward().float().logsumexp(1).sum().backward()  # type: ignore[no-untyped-call]
        _wait_for(device)

    model.eval()
    forward_rate = rate(predict, operations, seconds)
    model.train()
    return Throughput(forward_rate, rate(train, operations * TRAINING_PASSES, seconds))


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


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
