"""Holding a network still while it is asked: one caller at a time, in full precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from weakref import WeakKeyDictionary

import torch
from torch import nn

_LOCKS: WeakKeyDictionary[nn.Module, Lock] = WeakKeyDictionary()
_LOCKS_CHANGE = Lock()


@contextmanager
def alone(model: nn.Module) -> Iterator[None]:
    """Hold the model's own lock: hooks and modes are the model's, not the caller's."""
    with _LOCKS_CHANGE:
        lock = _LOCKS.setdefault(model, Lock())
    with lock:
        yield


@contextmanager
def full_precision(model: nn.Module) -> Iterator[torch.device]:
    """Gradients on and autocast off, also where the caller had it otherwise; gives the device."""
    device = next(model.parameters()).device
    with (
        torch.inference_mode(mode=False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
    ):
        yield device
