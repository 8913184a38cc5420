"""Small sources made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Write = Callable[[Iterable[str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write pictures, each with its own noise, under the names given; say the folder."""
    random = np.random.default_rng(0)
    folder = tmp_path / "source"

    def make(files: Iterable[str]) -> Path:
        for file in files:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 255, (40, 48), np.uint8)
            Image.fromarray(pixels).save(path, "JPEG" if path.suffix == ".jpg" else "PNG")
        return folder

    return make
