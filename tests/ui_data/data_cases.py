"""Made-up images and figures that the tests of these pages share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from medxfer.models.cost import Throughput

APP = Path(__file__).resolve().parents[2] / "app.py"
SPEED = Throughput(forward=1e11, training=1e11)
Open = Callable[..., AppTest]


def write_images(folder: Path, patients: int = 8, each: int = 2) -> Path:
    """Class folders `healthy` and `sick` of noisy pictures, named h0_0.png, s0_0.png and so on."""
    generator = np.random.default_rng(0)
    for label in ("healthy", "sick"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for patient in range(patients):
            for number in range(each):
                pixels = generator.integers(0, 255, (40, 48), dtype=np.uint8)
                name = f"{label[0]}{patient}_{number}.png"
                Image.fromarray(pixels).save(folder / label / name)
    return folder
