"""What this computer computes with: device, arithmetic, memory in use and to spare."""

from __future__ import annotations

import ctypes
import platform
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import psutil
import torch
from torch import Tensor

from medxfer.config import Device, Precision, TrainConfig
from medxfer.errors import DeviceError

T = TypeVar("T")
U = TypeVar("U")

_FETCHED_AHEAD = 3
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_LARGEST_KEPT = 1 << 30
_GROUP = Path("/sys/fs/cgroup")
_GROUPS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
"""Limit, use and details of a container's memory, as cgroups have them: version 2 and 1."""
_RECORDED = ("medxfer", "torch", "torchvision", "numpy", "pillow", "scikit-learn", "torchcam")


@dataclass(frozen=True)
class Machine:
    """Where tensors live and how they are multiplied."""

    device: torch.device
    dtype: torch.dtype
    """Of the matrix products: float32, or bfloat16 under autocast (weights stay float32)."""

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

    def memory_to_keep(self) -> int:
        """Bytes that may be kept where the arithmetic is done: a quarter of what is free now."""
        if self.device.type == "cuda":
            return torch.cuda.mem_get_info(self.device)[0] // 4
        return _free_memory() // 4

    def ahead(self, fetch: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """`fetch` of each item, in order; on a GPU a thread fetches while the GPU computes.

        On a CPU there is nothing to overlap: a second thread would take the cores from the first.
        """
        if self.device.type != "cuda":
            yield from map(fetch, items)
            return
        with ThreadPoolExecutor(1) as pool:
            waiting: deque[Future[U]] = deque()
            try:
                for item in items:
                    waiting.append(pool.submit(fetch, item))
                    if len(waiting) > _FETCHED_AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def pinned(self, tensor: Tensor) -> Tensor:
        """The tensor where a GPU can copy it from without waiting; itself on a CPU."""
        return tensor.pin_memory() if self.device.type == "cuda" else tensor


def choose(config: TrainConfig) -> Machine:
    """The machine for a run: the GPU where there is one and none else was asked for.

    Raises:
        DeviceError: a GPU was asked for and there is none.
    """
    if config.device is Device.CUDA and not torch.cuda.is_available():
        raise DeviceError(
            "This run asks for a GPU, and none can be used on this computer.",
            "Choose the device 'auto' or 'cpu', or mend the GPU's driver.",
        )
    on_gpu = config.device is not Device.CPU and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    return Machine(device, _dtype(config.precision, device))


def keep_freed_memory() -> None:
    """Let this process keep large blocks it has freed, for the next batch to use again.

    By itself glibc gives blocks of megabytes back to the system at once and asks for them again
    at the next layer, page by page. For a process that computes and then ends; elsewhere than on
    glibc nothing happens.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for parameter in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            library.mallopt(parameter, _LARGEST_KEPT)


def on_cpu() -> Machine:
    """The CPU in float32: for a handful of pictures."""
    return Machine(torch.device("cpu"), torch.float32)


def versions() -> dict[str, str]:
    """What a run records of the software it ran on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _RECORDED}


def _free_memory() -> int:
    """Bytes free for this process, in the computer and in the container it may run in."""
    free = int(psutil.virtual_memory().available)
    for limit, use, cached in _GROUPS:
        with suppress(OSError, ValueError, StopIteration):  # no container, or without a limit
            # Files the system keeps in memory count as used, and give way.
            lines = (_GROUP / cached).read_text().splitlines()
            gives_way = next(int(line.split()[1]) for line in lines if "inactive_file " in line)
            used = int((_GROUP / use).read_text()) - gives_way
            free = min(free, int((_GROUP / limit).read_text()) - used)
    return max(0, free)


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    if precision is Precision.AUTO:
        return torch.bfloat16 if _fast_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def _fast_bfloat16(device: torch.device) -> bool:
    """Tensor cores of the Ampere generation and later, or the AMX units of a CPU."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))
