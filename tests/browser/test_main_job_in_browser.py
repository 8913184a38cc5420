"""The main job by clicking: phantoms in, two epochs, a matrix cell, a scan and its heatmap."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from medxfer.data.phantom.generator import generate
from medxfer.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON = 30_000
TRAINED = 240_000
"""Milliseconds."""


def points(page: Page) -> int:
    """How many epochs the live charts show."""
    marks = page.locator("[aria-roledescription='point'], [aria-roledescription='symbol mark']")
    return marks.count()


def test_from_a_folder_to_a_heatmap(
    serve: Callable[[Workspace], str], page: Page, workspace: Workspace, tmp_path: Path
) -> None:
    generate(tmp_path / "phantoms", patients=24, seed=1)
    address = serve(workspace)

    # import
    page.goto(address)
    page.get_by_role("button", name="Import images").click(timeout=SOON)
    box = page.get_by_label("Folder, CSV, ZIP or MedMNIST file")
    box.fill(str(tmp_path / "phantoms" / "images"), timeout=SOON)
    box.press("Enter")
    page.get_by_text("Patients", exact=False).first.wait_for(timeout=SOON)
    page.get_by_role("button", name=re.compile(r"^Import \d+ images")).click(timeout=SOON)
    page.get_by_role("button", name=re.compile("Look at|Browse|See the images")).click(timeout=SOON)
    expect(page).to_have_url(re.compile("/browse"))

    # train
    page.goto(f"{address}/new?data=images")
    page.get_by_text("None", exact=True).first.click(timeout=SOON)
    page.get_by_text("Freeze all", exact=True).click(timeout=SOON)
    epochs = page.get_by_label("Epochs", exact=True)
    epochs.fill("2")
    epochs.press("Enter")
    page.get_by_role("button", name="Start training").click(timeout=SOON)
    expect(page).to_have_url(re.compile("/run.run="), timeout=60_000)
    run = page.url.split("run=")[1]

    # watch it grow, reload in between
    charts = page.locator("[data-testid='stVegaLiteChart']")
    expect(charts.first).to_be_visible(timeout=TRAINED)
    first = points(page)
    page.reload()
    expect(page.get_by_role("button", name="See the results")).to_be_visible(timeout=TRAINED)
    assert points(page) >= first
    page.get_by_role("button", name="See the results").click()
    expect(page).to_have_url(re.compile(f"/result.*{run}"), timeout=SOON)
