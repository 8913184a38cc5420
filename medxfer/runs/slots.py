"""Device slots: one run at a time computes on a device. Needs no torch.

There is a slot for each GPU and one for the CPU. Its lock is held by the process that computes, so
the kernel frees it however that process ends.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from medxfer import lock
from medxfer.config import Device
from medxfer.errors import RunError
from medxfer.paths import Workspace

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The environment variable that says which GPUs a process sees."""
CPU = "cpu"
_ASKING_SECONDS = 20
_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class Slot:
    """A device that one run at a time computes on."""

    name: str
    devices: tuple[Device, ...]
    """The choices of a run that fit here."""
    visible: str | None = None
    """What `CUDA_VISIBLE_DEVICES` has to be for a process to see this GPU; None: as it is."""

    def path(self, workspace: Workspace) -> Path:
        return workspace.slots / f"{self.name}.lock"

    def is_free(self, workspace: Workspace) -> bool:
        return not lock.is_held(self.path(workspace))

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that computes here."""
        return dict(os.environ) | ({} if self.visible is None else {VISIBLE: self.visible})


def find_slots() -> tuple[Slot, ...]:
    """The slots of this computer: its GPUs, then the CPU; the GPUs are found once and stay."""
    gpus = _gpus()
    rest = (Device.CPU,) if gpus else tuple(Device)
    slots = [Slot(f"gpu-{_plain(gpu)}", (Device.AUTO, Device.CUDA), gpu) for gpu in gpus]
    return (*slots, Slot(CPU, rest))


def hold(workspace: Workspace, name: str) -> AbstractContextManager[None]:
    """Hold a slot for as long as the block runs.

    Raises:
        RunError: another process computes on it.
    """
    workspace.slots.mkdir(exist_ok=True)
    busy = RunError(f"The device '{name}' is in use by another run.", "Wait until it ends.")
    return lock.held(workspace.slots / f"{name}.lock", busy)


@contextmanager
def slot(
    workspace: Workspace, device: Device, tell: Callable[[str], None], slots: Sequence[Slot] = ()
) -> Iterator[Slot]:
    """Wait for a slot that fits, saying once that it waits, and hold it while the block runs.

    For a run outside of the queue. To be called before the process asks for a GPU: within the
    block it sees the one of its slot alone.
    """
    fitting = [each for each in slots or find_slots() if device in each.devices]
    with ExitStack() as held:
        if (taken := _first_free(workspace, fitting, held)) is None:
            tell("Another run is computing on this device; this one waits until it ends.")
        while taken is None:
            time.sleep(_WAIT_SECONDS)
            taken = _first_free(workspace, fitting, held)
        held.enter_context(_seeing(taken))
        yield taken


def _first_free(workspace: Workspace, slots: Sequence[Slot], held: ExitStack) -> Slot | None:
    for each in slots:
        with suppress(RunError):
            held.enter_context(hold(workspace, each.name))
            return each
    return None


@contextmanager
def _seeing(taken: Slot) -> Iterator[None]:
    """This process sees the GPU of its slot alone."""
    before = os.environ.get(VISIBLE)
    if taken.visible is not None:
        os.environ[VISIBLE] = taken.visible
    try:
        yield
    finally:
        if before is not None:
            os.environ[VISIBLE] = before
        elif taken.visible is not None:
            del os.environ[VISIBLE]


def _gpus() -> list[str]:
    """The GPUs by the names that `CUDA_VISIBLE_DEVICES` gives them; none without a driver."""
    chosen = os.environ.get(VISIBLE)
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",")]
        # As CUDA reads it: what follows a name of no GPU does not count.
        return list(takewhile(lambda name: name not in ("", "-1"), names))
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=index", "--format=csv,noheader"]
    try:
        told = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_ASKING_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in told.stdout.splitlines() if line.strip().isdecimal()]


def _plain(name: str) -> str:
    """A GPU's name as part of a file name."""
    return re.sub(r"[^\w-]", "-", name)
