"""The page that explains scans, by clicking: good files, bad ones, strange ones, two people."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect
from recorded import make_run

from medxfer.config import Depth, HeadConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.phantom.generator import generate
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.paths import HOME_VARIABLE, Workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON = 60_000
"""Milliseconds."""
HERE = Path(__file__).parent
CHECKED = re.compile("^(well|partly|not) supported")


@dataclass(frozen=True)
class Explained:
    """The address of the page, and scans like those the run knows."""

    address: str
    scans: list[Path]


@pytest.fixture
def explained(
    start: Callable[[list[str], dict[str, str]], str], workspace: Workspace, tmp_path: Path
) -> Explained:
    """A run on phantoms whose network has learned nothing, on a server with an evil decoder."""
    generate(tmp_path / "phantoms", patients=16, seed=3)
    import_source(workspace, tmp_path / "phantoms" / "images", ImportOptions(name="phantoms"))
    manifest = load_manifest(workspace, "phantoms")
    run = make_run(workspace, "phantoms")
    torch.manual_seed(0)
    head = HeadConfig()
    checkpoint.save(
        build(Depth.RESNET18, 2, head), workspace.run(run).checkpoints, depth=Depth.RESNET18,
        head=head, classes=manifest.classes, epoch=1,
    )  # fmt: skip
    path = os.pathsep.join((str(HERE), str(HERE.parents[1])))
    address = start(["evil_app"], {HOME_VARIABLE: str(workspace.root), "PYTHONPATH": path})
    scans = sorted((tmp_path / "phantoms" / "images").glob("*/*.png"))
    return Explained(f"{address}/scan?run={run}", scans)


def upload(page: Page, address: str, *scans: Path) -> None:
    page.goto(address)
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput")
    expect(chooser).to_be_attached(timeout=SOON)
    chooser.set_input_files(list(scans))


def shown(page: Page, scan: Path) -> str:
    """What the viewer shows, once it shows this scan: its pixels as text."""
    expect(page.get_by_text(f"What the network says of {scan.name}.")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("button", name="Show the heatmap")).to_be_visible(timeout=SOON)
    page.wait_for_timeout(500)
    return str(page.locator(".pane canvas").first.evaluate("canvas => canvas.toDataURL()"))


def test_two_people_at_once_get_their_own_scans(explained: Explained, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    other = browser.new_page(viewport={"width": 1440, "height": 900})
    first, second = explained.scans[0], explained.scans[-1]
    upload(page, explained.address, first)
    upload(other, explained.address, second)
    assert shown(page, first) != shown(other, second)
    for one in (page, other):
        expect(one.get_by_text(CHECKED)).to_be_visible(timeout=SOON)
        expect(one.get_by_text(re.compile("training scans? most like it"))).to_be_visible()
    other.close()
    page.get_by_role("button", name=re.compile("^Open .*, distance")).first.click()
    expect(page.get_by_text(re.compile("^Train image .* labelled"))).to_be_visible(timeout=SOON)


def test_bad_files_are_refused_each_with_its_reason(
    explained: Explained, page: Page, tmp_path: Path
) -> None:
    contents = {
        "page.png": b"<html>no picture</html>",
        "crash.png": b"EVIL crash",
        "hang.dcm": b"EVIL hang",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    good = explained.scans[0]
    upload(page, explained.address, *(tmp_path / name for name in contents), good)
    shown(page, good)
    expect(page.get_by_text("page.png is not a picture")).to_be_visible()
    expect(
        page.get_by_text("crash.png is damaged: the program that decodes such pictures broke down")
    ).to_be_visible()
    expect(page.get_by_text("hang.dcm could not be read within 5 seconds")).to_be_visible()
    expect(page.get_by_text("Something went wrong")).to_have_count(0)


def test_a_strange_picture_is_predicted_only_when_the_person_insists(
    explained: Explained, page: Page, tmp_path: Path
) -> None:
    row, column = np.mgrid[:300, :400]
    flower = np.stack([row * 255 // 299, column * 255 // 399, (row * column) % 256], axis=-1)
    strange = tmp_path / "flower.png"
    Image.fromarray(flower.astype(np.uint8)).save(strange)
    upload(page, explained.address, strange)
    expect(page.get_by_text("No prediction: this scan is unlike")).to_be_visible(timeout=SOON)
    expect(page.locator(".pane canvas").first).to_be_visible(timeout=SOON)
    expect(page.get_by_role("button", name="Show the heatmap")).to_be_hidden()
    expect(page.get_by_text("What the network says")).to_have_count(0)
    page.get_by_role("button", name="Predict all the same").click()
    shown(page, strange)
    expect(page.get_by_text("You asked for this prediction all the same")).to_be_visible()
