"""What this computer computes with: device, arithmetic, loader processes, memory in use."""

from __future__ import annotations

import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version

import psutil
import torch

from medxfer.config import Device, Precision, TrainConfig
from medxfer.errors import TrainingError

_MOST_WORKERS = 8
_RECORDED = ("medxfer", "torch", "torchvision", "numpy", "pillow", "scikit-learn", "torchcam")


@dataclass(frozen=True)
class Machine:
    """Where tensors live and how they are multiplied."""

    device: torch.device
    dtype: torch.dtype
    """Of the matrix products: float32, or bfloat16 under autocast (weights stay float32)."""
    workers: int
    """Processes that decode pictures beside the training process; 0: none."""

    @property
    def name(self) -> str:
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"CPU, {torch.get_num_threads()} threads"

    def autocast(self) -> AbstractContextManager[None]:
        """Mixed precision where it was chosen, nothing elsewhere."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32)

    def memory(self) -> int:
        """Bytes allocated on the GPU; on a CPU, resident bytes of this process."""
        if self.device.type == "cuda":
            return torch.cuda.memory_allocated(self.device)
        return int(psutil.Process().memory_info().rss)


def choose(config: TrainConfig) -> Machine:
    """The machine for a run: the GPU where there is one and none else was asked for.

    Raises:
        TrainingError: a GPU was asked for and there is none.
    """
    if config.device is Device.CUDA and not torch.cuda.is_available():
        raise TrainingError(
            "This run asks for a GPU, and none can be used on this computer.",
            "Choose the device 'auto' or 'cpu', or mend the GPU's driver.",
        )
    on_gpu = config.device is not Device.CPU and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    workers = config.loader_workers
    if workers is None:
        workers = min(_MOST_WORKERS, len(os.sched_getaffinity(0)) - 1)
    return Machine(device, _dtype(config.precision, device), workers)


def on_cpu() -> Machine:
    """One process, float32: for a handful of pictures."""
    return Machine(torch.device("cpu"), torch.float32, workers=0)


def versions() -> dict[str, str]:
    """What a run records of the software it ran on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _RECORDED}


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    if precision is Precision.AUTO:
        return torch.bfloat16 if _fast_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def _fast_bfloat16(device: torch.device) -> bool:
    """Tensor cores of the Ampere generation and later, or the AMX units of a CPU."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))
