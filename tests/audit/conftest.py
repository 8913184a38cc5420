"""Manifests made up on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medxfer.data.manifest import Manifest, tidy

MakeManifest = Callable[..., Manifest]


@pytest.fixture
def made_up() -> MakeManifest:
    """A manifest of `n` images without pictures: two classes in turn, two images a patient.

    Keyword arguments replace or add columns.
    """

    def make(n: int = 400, **columns: Any) -> Manifest:
        index = np.arange(n)
        patient = index // 4 * 2 + index % 2
        split = np.array(["train", "train", "train", "val", "test"])[patient // 2 % 5]
        table = pd.DataFrame({
            "image": [f"{number:016x}" for number in index],
            "file": [f"{number}.png" for number in index],
            "label": np.array(["NORMAL", "PNEUMONIA"])[index % 2],
            "patient": [f"p{number}" for number in patient],
            "split": split,
            "width": 300, "height": 200, "mode": "L", "format": "PNG", "bytes": 1000,
            "modified": 0, "sha256": [f"{number:064x}" for number in index],
        })  # fmt: skip
        table = table.assign(**columns)
        return Manifest(tidy(table), tuple(sorted(table["label"].unique())), Path("/nowhere"))

    return make
