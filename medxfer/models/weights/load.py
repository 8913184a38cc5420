"""The one way weights get into a network: load, checked; then apply, strictly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from torch import Tensor
from torchvision.models import ResNet

from medxfer.config import Depth
from medxfer.errors import WeightsError
from medxfer.files import sha256_of
from medxfer.models.resnet import HEAD_PREFIX
from medxfer.models.weights.file import read_file
from medxfer.models.weights.fit import fitted
from medxfer.models.weights.imagenet import fetch
from medxfer.models.weights.keys import to_torchvision
from medxfer.models.weights.run import run_file
from medxfer.paths import Workspace

IMAGENET = "imagenet"
NONE = "none"
RUN = "run:"
_HASH_SHOWN = 12


@dataclass(frozen=True)
class LoadedWeights:
    """A backbone's weights under torchvision's names, and where they came from.

    `state` is empty and `sha256` is "" for random weights.
    """

    state: dict[str, Tensor]
    description: str
    sha256: str


def load_weights(
    source: str,
    depth: Depth,
    workspace: Workspace,
    progress: Callable[[int, int], None] | None = None,
) -> LoadedWeights:
    """The weights of `source` for a ResNet of this depth: present, whole, fitting and finite.

    `source` is `imagenet`, `none`, `run:ID` or the path of a file; `progress` is called with
    bytes done and in all while a download runs.

    Raises:
        WeightsError: what is wrong with them, in one sentence.
    """
    if source == NONE:
        return LoadedWeights({}, "none (random)", "")
    path, name = _locate(source, depth, workspace, progress)
    state = fitted(to_torchvision(read_file(path), name), depth, name)
    digest = sha256_of(path)
    return LoadedWeights(state, f"{name}, SHA-256 {digest[:_HASH_SHOWN]}…", digest)


def apply(model: ResNet, loaded: LoadedWeights) -> None:
    """Put the loaded weights into the model, every one of the backbone; the head stays."""
    if loaded.state:
        own = model.state_dict()
        head = {name: value for name, value in own.items() if name.startswith(HEAD_PREFIX)}
        model.load_state_dict({**head, **loaded.state}, strict=True)


def _locate(
    source: str, depth: Depth, workspace: Workspace, progress: Callable[[int, int], None] | None
) -> tuple[Path, str]:
    """The file of a source, and what to call it in a sentence."""
    if source == IMAGENET:
        path = fetch(depth, workspace, progress)
        return path, f"ImageNet (torchvision IMAGENET1K_V1, {path.name})"
    if source.startswith(RUN):
        run = source.removeprefix(RUN)
        return run_file(run, workspace), f"Run '{run}'"
    path = _path(source)
    nearest = get_close_matches(source, (IMAGENET, NONE), n=1)
    if nearest and not path.suffix:
        raise WeightsError(
            f"There is no source of weights called '{source}'.", f"Did you mean '{nearest[0]}'?"
        )
    return path, f"File {path.name}"


def _path(source: str) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError:  # "~name" of nobody: a file that is not there
        return Path(source)
