"""Fixtures every room may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medxfer.paths import Workspace

PACKS = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace of this test's own."""
    return Workspace.find(tmp_path / "workspace")


@pytest.fixture
def pack() -> Callable[[str], Path]:
    """The folder of a real data pack; the test is skipped where the packs are absent."""

    def find(name: str) -> Path:
        folder = PACKS / name
        if not folder.is_dir():
            pytest.skip(f"the real images of {name} are not on this machine ({PACKS})")
        return folder

    return find
