"""What every result says of where it was measured, and where results are kept."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import psutil
import torch

from medxfer.machine import Machine, versions

RESULTS = Path(__file__).parent / "results"


def processor() -> str:
    """The name of the CPU and its cores."""
    name = platform.processor()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(line for line in text.splitlines() if line.startswith("model name"))
        name = name.partition(":")[2].strip()
    except (OSError, StopIteration):
        pass
    fast = [flag for flag, there in torch.cpu.get_capabilities().items()
            if there is True and flag in ("amx_bf16", "avx512_bf16")]  # fmt: skip
    return f"{name}, {psutil.cpu_count()} cores, {', '.join(fast) or 'no fast bfloat16'}"


def machine_line(machine: Machine) -> str:
    """Machine, versions, load and time, in one line."""
    card = f"; {machine.name}" if machine.device.type == "cuda" else ""
    memory = psutil.virtual_memory().total / 2**30
    named = versions()
    parts = ", ".join(f"{name} {named[name]}" for name in ("python", "torch", "torchvision"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {processor()}, {memory:.0f} GiB{card}; {parts}; "
        f"load {load} (1, 5, 15 minutes)"
    )


def write(name: str, machine: Machine, lines: list[str]) -> Path:
    """Print a result and keep it under `results/`, named by what it is and the machine."""
    kind = machine.name if machine.device.type == "cuda" else _cpu_kind()
    slug = re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{slug}.md"
    text = "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
    print(text)
    return path


def _cpu_kind() -> str:
    amx = bool(torch.cpu.get_capabilities().get("amx_bf16"))
    return f"cpu {psutil.cpu_count()} cores {'amx' if amx else 'no amx'}"
