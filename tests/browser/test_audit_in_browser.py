"""The audit by clicking: it begins by itself, its progress shows, and a copy is dropped."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_corrections, load_manifest
from medxfer.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST = 30_000
"""Milliseconds: the first page of a server also imports it."""
CHECKED = 120_000


@pytest.fixture
def copied(workspace: Workspace, tmp_path: Path) -> str:
    """A data set of 40 pictures, one of which is in train and in test."""
    random = np.random.default_rng(0)
    folder = tmp_path / "copied"
    for part, count in (("train", 12), ("test", 8)):
        for label in ("NORMAL", "PNEUMONIA"):
            (folder / part / label).mkdir(parents=True)
            for number in range(count):
                coarse = random.integers(0, 255, (8, 8), dtype=np.uint8)
                picture = Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC)
                picture.save(folder / part / label / f"{part}{number}.png")
    original = folder / "train" / "NORMAL" / "train0.png"
    (folder / "test" / "NORMAL" / "again.png").write_bytes(original.read_bytes())
    import_source(workspace, folder, ImportOptions(name="copied"))
    return "copied"


def test_it_begins_by_itself_and_ends_in_a_decision(
    serve: Callable[[Workspace], str], page: Page, workspace: Workspace, copied: str
) -> None:
    page.goto(f"{serve(workspace)}/browse?data={copied}")
    expect(page.get_by_text("Being checked")).to_be_visible(timeout=FIRST)
    expect(page.get_by_text("You can close this page")).to_be_visible(timeout=FIRST)
    # The page finds the end by itself.
    link = page.get_by_role("link", name="See what was found")
    link.click(timeout=CHECKED)
    expect(page.get_by_text("Numbers from this data set")).to_be_visible(timeout=FIRST)
    page.get_by_role("button", name="Look at the copies").first.click()
    page.wait_for_url(re.compile("view=copies"), timeout=FIRST)
    expect(page.get_by_role("radio", name="Across parts (1)")).to_be_visible(timeout=FIRST)
    page.get_by_role("button", name="Drop 1 exact copy across parts").click()
    expect(page.get_by_text("This audit is out of date.")).to_be_visible(timeout=FIRST)
    assert len(load_corrections(workspace, copied)) == 1
    splits = load_manifest(workspace, copied).table.set_index("file")["split"]
    assert splits["train/NORMAL/train0.png"] == "excluded"
    assert splits["test/NORMAL/again.png"] == "test"
    again = page.get_by_role("button", name="Check again")
    expect(again).to_have_count(1, timeout=FIRST)  # the one of the last drawing has gone
    again.click()
    expect(page.get_by_text("This audit is out of date.")).to_have_count(0, timeout=FIRST)
    expect(page.get_by_text("No copies were found.")).to_be_visible(timeout=CHECKED)
