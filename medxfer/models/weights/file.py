"""Weights from a file, read so that nothing in it can run."""

from __future__ import annotations

import pickle
import struct
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from medxfer.errors import WeightsError
from medxfer.models.weights.keys import CHOOSE_OTHERS, unwrap

SUFFIXES = (".safetensors", ".pth", ".pt", ".tar", ".ckpt", ".bin")
"""Of files that may hold weights; all but the first are read by PyTorch, `weights_only`."""

_NOT_WHAT_TORCH_WROTE = (
    OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, ArithmeticError, MemoryError, struct.error,
)  # fmt: skip
"""What `torch.load` was seen to raise on cut, altered and random bytes."""

_SAVE_AGAIN = (
    "Save `model.state_dict()` with safetensors, or get the file again and compare its checksum."
)


def read_file(path: Path) -> dict[str, Tensor]:
    """All tensors of a weights file by name, on the CPU.

    Raises:
        WeightsError: the file is missing, of another kind, cut, damaged, or holds more than
            numbers.
    """
    try:
        _refuse_at_sight(path)
    except OSError as error:
        raise WeightsError(
            f"The weights file {path} cannot be read: {error.strerror}.", CHOOSE_OTHERS
        ) from error
    if path.suffix.lower() != ".safetensors":
        return unwrap(_load_pickle(path))
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, "safetensors") from error


def _refuse_at_sight(path: Path) -> None:
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, not a weights file.", "Name the file in it.")
    if not path.is_file():
        raise WeightsError(
            f"There is no weights file at {path}.", "Check the path. " + CHOOSE_OTHERS
        )
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(
            f"{path.name} is not of a kind that weights are read from ({', '.join(SUFFIXES)}).",
            "Save the weights for PyTorch, best as .safetensors.",
        )
    with path.open("rb") as file:
        if not file.read(1):
            raise WeightsError(
                f"The weights file {path.name} is empty (0 bytes).", "Copy it again."
            )


def _load_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # Warnings about the pickle protocol: on a damaged file, of no use to anybody.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "unsupported global" in str(error).lower():
            raise WeightsError(
                f"{path.name} holds more than numbers and could run code when opened, so it was "
                "not opened.",
                "Ask its maker for the plain state dict, best as .safetensors.",
            ) from error
        raise _damaged(path, "PyTorch") from error
    except _NOT_WHAT_TORCH_WROTE as error:
        raise _damaged(path, "PyTorch") from error


def _damaged(path: Path, kind: str) -> WeightsError:
    return WeightsError(f"{path.name} is cut, damaged or not a {kind} weights file.", _SAVE_AGAIN)
