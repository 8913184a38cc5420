"""Whether a weights file still is what it was, as far as the file itself can tell."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

from safetensors import SafetensorError, safe_open

from medxfer.errors import WeightsError
from medxfer.files import sha256_of

_PUBLISHED = re.compile(r"-([0-9a-f]{8,64})\.pth$")
"""PyTorch's names of published weights end in the beginning of their SHA-256."""


def weights_fault(path: Path) -> WeightsError | None:
    """What is wrong with a file of weights; None if nothing can be seen to be.

    Published files have a hash in their names, PyTorch's archives a checksum a tensor;
    safetensors tell only whether they are whole.
    """
    published = _PUBLISHED.search(path.name)
    try:
        if published:
            good = sha256_of(path).startswith(published[1])
        elif path.suffix == ".safetensors":
            with safe_open(path, framework="np"):
                good = True
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                good = packed.testzip() is None
        else:
            good = path.stat().st_size > 0
    except (OSError, SafetensorError, zipfile.BadZipFile, zlib.error, ValueError):
        good = False
    if good:
        return None
    return WeightsError(
        f"The weights file {path.name} is cut, damaged or altered.",
        "Put it there again; ImageNet weights are fetched again when they are needed.",
    )
