"""Pictures that differ as scans do, and data sets made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.paths import Workspace

Pixels = NDArray[np.uint8]
Make = Callable[[Mapping[str, Pixels]], Manifest]


def _scan(seed: int, height: int = 200, width: int = 220) -> Pixels:
    """A smooth field with detail at several scales around a shape all of them share."""
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    shared = 90 * np.exp(-3 * (down**2 + across**2))
    own = sum(
        weight * gaussian_filter(generator.normal(size=(height, width)), blur) * blur
        for blur, weight in ((2, 25), (5, 40), (15, 60))
    )
    return np.clip(60 + shared + own, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def scan() -> Callable[..., Pixels]:
    """A made-up scan by its number: (number, height, width) -> grey levels."""
    return _scan


@pytest.fixture
def make(workspace: Workspace, tmp_path: Path) -> Make:
    """A data set of these pictures by file name, such as "train/A/1.png"."""

    def written(pictures: Mapping[str, Pixels]) -> Manifest:
        folder = tmp_path / "pictures"
        for name, pixels in pictures.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name)
        import_source(workspace, folder, ImportOptions(name="set"))
        return load_manifest(workspace, "set")

    return written
