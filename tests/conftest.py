"""Fixtures every room may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medxfer.cache.room import CacheRoom
from medxfer.config import Device, OptimiserConfig, Precision, StrategyConfig, TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.paths import Workspace

PACKS = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace of this test's own."""
    return Workspace.find(tmp_path / "workspace")


@pytest.fixture
def room(workspace: Workspace) -> CacheRoom:
    """Where this test's decoded images and features are kept."""
    return CacheRoom(workspace.cache)


@pytest.fixture
def pack() -> Callable[[str], Path]:
    """The folder of a real data pack; the test is skipped where the packs are absent."""

    def find(name: str) -> Path:
        folder = PACKS / name
        if not folder.is_dir():
            pytest.skip(f"the real images of {name} are not on this machine ({PACKS})")
        return folder

    return find


PARTS = {"train": 8, "val": 4, "test": 4}
"""Images a class of the small data set."""


@pytest.fixture
def small_data(workspace: Workspace, tmp_path: Path) -> str:
    """The name of an imported data set of 32 small pictures that a network can tell apart."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "small"
    for part, count in PARTS.items():
        for label in ("NORMAL", "PNEUMONIA"):
            (folder / part / label).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(60, 120, (64, 64), dtype=np.uint8)
                if label == "PNEUMONIA":
                    pixels[20:44, 20:44] += 100
                image = Image.fromarray(pixels)
                image.save(folder / part / label / f"{part}{number}.png")
    import_source(workspace, folder, ImportOptions(name="small"))
    return "small"


@pytest.fixture
def small_config(small_data: str) -> TrainConfig:
    """Two quick epochs on the small data set, in this process."""
    return TrainConfig(
        data=small_data, weights="none", strategy=StrategyConfig(name="none"), epochs=2,
        batch_size=8, optimiser=OptimiserConfig(learning_rate=1e-3), device=Device.CPU,
        precision=Precision.FLOAT32,
    )  # fmt: skip
