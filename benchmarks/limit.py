"""How far from the limit: the machine's matrix products against each group of layers.

`python -m benchmarks.limit [--depth 18] [--batch 32]` measures the rate of square matrix products,
which no network can exceed, and then what each stage of a ResNet reaches: frozen stages as the
engine runs them (`Prefix`), learning stages forward and backward. One multiply-add is two
operations. Medians of several repetitions, one after the other.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.report import machine_line, write
from medxfer.config import Depth, HeadConfig, Stage, TrainConfig
from medxfer.machine import Machine, choose, keep_freed_memory
from medxfer.models.cost import TRAINING_PASSES, cost
from medxfer.models.prefix import Prefix
from medxfer.models.resnet import ResNet, build, stage_modules

_SIDES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
_PIECE = {"cpu": 8, "cuda": 128}
_REPETITIONS = 9
_TERA = 1e12


def seconds(step: Callable[[], object], device: torch.device) -> float:
    """Median seconds of a step, after two to warm up."""

    def once() -> float:
        begin = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    return median([once() for _ in range(_REPETITIONS + 2)][2:])


def matrix_rate(machine: Machine, dtype: torch.dtype) -> float:
    """Operations a second of square products, of the side that is fastest.

    On a CPU every core has a product of its own, which no common product over all cores beats.
    """
    return max(_square_rate(machine, dtype, side) for side in _SIDES[machine.device.type])


def _square_rate(machine: Machine, dtype: torch.dtype, side: int) -> float:
    one = torch.randn(side, side, device=machine.device).to(dtype)
    if machine.device.type == "cuda":
        return 2 * side**3 / seconds(lambda: one @ one, machine.device)
    threads = torch.get_num_threads()
    return 2 * side**3 * threads / _in_threads(lambda: one @ one, threads)


def _in_threads(step: Callable[[], object], rounds: int) -> float:
    """Median seconds of `rounds` steps over all cores, one thread and one core each."""
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
        list(pool.map(lambda _: step(), range(threads)))
        taken = seconds(
            lambda: list(pool.map(lambda _: step(), range(rounds))), torch.device("cpu")
        )
    torch.set_num_threads(threads)
    return taken


def stage_inputs(model: ResNet, inputs: Tensor) -> dict[Stage, Tensor]:
    """What each stage is given, for these pictures."""
    given: dict[Stage, Tensor] = {}
    with torch.no_grad():
        for stage, modules in stage_modules(model).items():
            given[stage] = inputs
            for module in modules[:-1] if stage is Stage.HEAD else modules:
                inputs = module(inputs)
    return given


def frozen_seconds(model: ResNet, first: Stage, machine: Machine) -> float:
    """Seconds a picture of the whole prefix before a stage, as the feature cache runs it."""
    prefix = Prefix(model, first, machine.dtype)
    piece, device = _PIECE[machine.device.type], machine.device
    inputs = torch.randn(piece, 3, 224, 224, device=device).to(machine.dtype)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    if device.type == "cuda":
        return seconds(lambda: prefix(inputs), device) / piece
    rounds = 8 * torch.get_num_threads()
    return _in_threads(lambda: prefix(inputs), rounds) / (rounds * piece)


def learning_seconds(
    modules: nn.Module, inputs: Tensor, machine: Machine, *, pictures: bool
) -> float:
    """Seconds of a forward and a backward pass of a batch; `pictures` need no gradient."""
    modules.train()

    def step() -> None:
        with machine.autocast():
            result = modules(given)
        result.float().square().mean().backward()
        modules.zero_grad()

    given = inputs.to(machine.dtype).detach().requires_grad_(not pictures)
    return seconds(step, machine.device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=18)
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    keep_freed_memory()
    machine = choose(TrainConfig(data="none"))
    head = HeadConfig(kind="linear")
    depth = Depth(arguments.depth)
    counted = cost(depth, head, 2)
    torch.manual_seed(0)
    model = build(depth, 2, head).eval().to(machine.device, memory_format=torch.channels_last)
    rates = {dtype: matrix_rate(machine, dtype) for dtype in (torch.bfloat16, torch.float32)}
    top = rates[machine.dtype]
    lines = [
        f"ResNet-{arguments.depth}, {machine.name}, {machine.dtype}, batch {arguments.batch} "
        f"learning, {_PIECE[machine.device.type]} frozen.",
        "",
        *(f"- square matrix products in {dtype}: {rate / _TERA:.2f} Tflop/s"
          for dtype, rate in rates.items()),
        "",
        "| group | Gop a picture | frozen, ms a picture | share of the limit "
        "| learning, ms a picture | share of the limit |",
        "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    inputs = torch.randn(arguments.batch, 3, 224, 224, device=machine.device)
    given = stage_inputs(model, inputs.contiguous(memory_format=torch.channels_last))
    before = 0.0
    for stage, following in zip(list(Stage)[:-1], list(Stage)[1:], strict=True):
        until = frozen_seconds(model, following, machine)
        frozen, before = max(until - before, 1e-9), until
        group = nn.Sequential(*stage_modules(model)[stage])
        taken = learning_seconds(group, given[stage], machine, pictures=stage is Stage.STEM)
        learning = taken / arguments.batch
        operations = 2 * counted.operations_by_stage[stage]
        lines.append(
            f"| {stage} | {operations / 1e9:.2f} | {frozen * 1e3:.2f} "
            f"| {operations / frozen / top:.0%} | {learning * 1e3:.2f} "
            f"| {TRAINING_PASSES * operations / learning / top:.0%} |"
        )
    total = 2 * counted.operations
    lines.append(
        f"| all | {total / 1e9:.2f} | {before * 1e3:.2f} | {total / before / top:.0%} | | |"
    )
    write(f"limit-{arguments.depth}", machine, [machine_line(machine), "", *lines])


if __name__ == "__main__":
    main()
