"""Does `torch.compile` pay for what learns? Its own cost against the steps it makes faster.

`python -m benchmarks.compiling [--batch 32]` takes training steps of ResNet-18 with everything
learning and of ResNet-50 from layer4 on, as they are and compiled, in turn, and says after how many
steps the seconds spent on compiling are won back, if ever.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor, nn

from benchmarks.limit import seconds
from benchmarks.report import machine_line, write
from medxfer.config import Depth, HeadConfig, Stage, TrainConfig
from medxfer.machine import Machine, choose, keep_freed_memory
from medxfer.models.freezing import let_learn
from medxfer.models.prefix import suffix
from medxfer.models.resnet import build

CASES = ((Depth.RESNET50, Stage.LAYER4), (Depth.RESNET18, Stage.STEM))


def one_step(network: nn.Module, inputs: Tensor, machine: Machine) -> None:
    """Forward, backward, and the gradients away."""
    with machine.autocast():
        logits = network(inputs)
    logits.float().logsumexp(1).sum().backward()
    network.zero_grad()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    batch = parser.parse_args().batch
    keep_freed_memory()
    machine = choose(TrainConfig(data="none"))
    lines = [
        machine_line(machine),
        "",
        f"Steps of {batch} pictures, {machine.dtype}.",
        "",
        "| network | ms a step | compiled, ms a step | times faster | compiling, s "
        "| steps to win it back |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for depth, first in CASES:
        model = build(depth, 2, HeadConfig(kind="linear"))
        model.to(machine.device, memory_format=torch.channels_last)
        let_learn(model, first.onwards)
        shape = (3, 224, 224) if first is Stage.STEM else (1024, 14, 14)
        inputs = torch.randn(batch, *shape, device=machine.device).to(machine.dtype)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        network = model if first is Stage.STEM else suffix(model, first)
        compiled = torch.compile(network)
        begin = time.perf_counter()
        one_step(compiled, inputs, machine)
        cost = time.perf_counter() - begin
        plain = seconds(lambda n=network, i=inputs: one_step(n, i, machine), machine.device)
        fast = seconds(lambda n=compiled, i=inputs: one_step(n, i, machine), machine.device)
        won = f"{cost / (plain - fast):,.0f}" if fast < plain else "never"
        lines.append(
            f"| ResNet-{int(depth)} from {first} | {plain * 1e3:.0f} | {fast * 1e3:.0f} "
            f"| {plain / fast:.2f} | {cost:.0f} | {won} |"
        )
    write("compiling", machine, lines)


if __name__ == "__main__":
    main()
