"""ImageNet weights of torchvision: downloaded once, checked against their published hash."""

from __future__ import annotations

import http.client
import re
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError

import torchvision

from medxfer.config import Depth
from medxfer.errors import WeightsError
from medxfer.files import replacing, sha256_of
from medxfer.paths import Workspace

Report = Callable[[int, int], None]
"""Called with bytes done and bytes in all (0 where the server does not say)."""

_HASH = re.compile(r"-([0-9a-f]{8,64})\.pth$")
_CHUNK = 1 << 18
_PATIENCE = 30
"""Seconds without a byte before a download is given up."""

_one_download = threading.Lock()


def imagenet_file(depth: Depth, workspace: Workspace) -> Path:
    """Where the ImageNet weights of this depth lie once they are there."""
    return workspace.weights / _url(depth).rpartition("/")[2]


def is_cached(depth: Depth, workspace: Workspace) -> bool:
    """Whether the file is there; its content is checked when it is loaded."""
    return imagenet_file(depth, workspace).is_file()


def fetch(depth: Depth, workspace: Workspace, progress: Report | None = None) -> Path:
    """The file with the ImageNet weights of this depth, downloaded if it is absent or altered.

    Raises:
        WeightsError: it is not here and cannot be had; what was here before is untouched.
    """
    path = imagenet_file(depth, workspace)
    with _one_download:  # a second tab that asks for the same file waits for the first
        if not (path.is_file() and _is_genuine(path, depth)):
            _download(depth, path, progress or (lambda done, total: None))
    return path


def _download(depth: Depth, path: Path, progress: Report) -> None:
    url = _url(depth)
    try:
        with replacing(path) as temporary:
            _save(url, temporary, progress)
            if not _is_genuine(temporary, depth):
                size = temporary.stat().st_size
                raise _unavailable(
                    depth, path, f"the {size:,} bytes that came do not match the published checksum"
                )
    except HTTPError as error:
        error.close()
        reason = f"the server answered {error.code} {error.reason}"
        raise _unavailable(depth, path, reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unavailable(depth, path, _reason(error)) from error


def _save(url: str, path: Path, progress: Report) -> None:
    with urllib.request.urlopen(url, timeout=_PATIENCE) as answer, path.open("wb") as file:  # noqa: S310 - torchvision's https address
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        while piece := answer.read(_CHUNK):
            file.write(piece)
            done += len(piece)
            progress(done, total)
        if done < total:
            raise ConnectionError(f"the connection broke after {done:,} of {total:,} bytes")


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    return str(getattr(cause, "strerror", None) or cause)


def _unavailable(depth: Depth, path: Path, reason: str) -> WeightsError:
    was_there = "; the altered file of that name was left as it is" if path.is_file() else ""
    return WeightsError(
        f"The ImageNet weights of ResNet-{depth} could not be downloaded from {_url(depth)} "
        f"({reason}){was_there}.",
        f"Put the file {path.name} into {path.parent}, or choose a weights file, a run or 'none'.",
    )


def _is_genuine(path: Path, depth: Depth) -> bool:
    match = _HASH.search(_url(depth))
    if match is None:
        raise ValueError(f"torchvision publishes no hash for ResNet-{depth}")
    return sha256_of(path).startswith(match[1])


def _url(depth: Depth) -> str:
    published = torchvision.models.get_model_weights(f"resnet{int(depth)}")
    return str(published["IMAGENET1K_V1"].url)
