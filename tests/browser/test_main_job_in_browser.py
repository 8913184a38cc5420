"""The main job by clicking: phantoms in, two epochs, a matrix cell, a scan and its heatmap."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from quiet import no_server_trip, settle

from medxfer import RESEARCH_USE_ONLY
from medxfer.data.phantom.generator import generate
from medxfer.evaluation.confusion import matrix
from medxfer.evaluation.predictions import Ints
from medxfer.paths import Workspace
from medxfer.runs.results import load_predictions

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON, TRAINED = 30_000, 240_000
"""Milliseconds."""


@pytest.fixture
def phantoms(tmp_path: Path) -> Path:
    """Class folders of about 50 synthetic radiographs."""
    generate(tmp_path / "phantoms", patients=20, seed=1)
    return tmp_path / "phantoms" / "images"


def import_folder(page: Page, folder: Path) -> None:
    # A click while the first page is still being drawn, as on a busy machine, gets lost.
    expect(page.get_by_role("button", name="Import images")).to_be_visible(timeout=SOON)
    settle(page)
    page.get_by_role("link", name="Import", exact=True).click()
    box = page.get_by_role("textbox", name="Folder, CSV, ZIP or MedMNIST file")
    box.fill(str(folder), timeout=SOON)
    box.press("Enter")
    page.get_by_role("button", name=re.compile(r"^Import \d+ images")).click(timeout=SOON)
    page.get_by_role("button", name="Look at the images").click(timeout=60_000)
    expect(page).to_have_url(re.compile(r"/browse\?.*data=images"))
    expect(page.get_by_text(re.compile(r"1–24 of \d+ images"))).to_be_visible(timeout=SOON)


def start_training(page: Page) -> str:
    page.get_by_role("link", name="New run").click()
    page.get_by_role("radio", name="None", exact=True).click(timeout=SOON)
    page.get_by_text("Freeze nothing", exact=True).click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("2")
    epochs.press("Enter")
    expect(page.get_by_text("Freeze nothing · 2 epochs")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Start training").dblclick()
    page.wait_for_url(re.compile(r"/run\?run="), timeout=60_000)
    return page.url.split("run=")[1]


def watch_a_chart_grow(page: Page) -> None:
    """The drawing begun in the first epoch gains its points and, with the second epoch, more."""
    loss = page.get_by_test_id("stVegaLiteChart").first.locator("svg")
    points = loss.locator(".mark-symbol path")
    loss.evaluate("svg => { svg.dataset.same = 'yes' }", timeout=TRAINED)
    expect(page.get_by_text("1 of 1 done")).to_be_visible(timeout=TRAINED)
    assert loss.get_attribute("data-same") == "yes"
    first = points.count()
    assert first > 0
    expect(page.get_by_role("button", name="See the results")).to_be_visible(timeout=TRAINED)
    expect(page.get_by_text("of 2 done")).to_be_visible()
    assert points.count() == first + 2  # train and validation of the second epoch
    page.reload()
    expect(page.get_by_text("of 2 done")).to_be_visible(timeout=SOON)


def open_a_cell(page: Page, counts: Ints) -> None:
    """By a click into the figure: as many images as the fullest cell counts."""
    expect(page.get_by_role("heading", name="ROC and precision-recall")).to_be_visible(timeout=SOON)
    page.get_by_role("tab", name="Confusion").click()
    truth, predicted = divmod(int(counts.argmax()), 2)
    charts = page.get_by_test_id("stPlotlyChart").filter(has_text="truth")
    figure = charts.locator(".nsewdrag")
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    assert box is not None
    place = {"x": box["width"] * (2 * predicted + 1) / 4, "y": box["height"] * (2 * truth + 1) / 4}
    figure.click(position=place)  # type: ignore[arg-type]
    page.wait_for_url(re.compile(f"cell={truth}-{predicted}"), timeout=SOON)
    images = page.get_by_role("button", name=re.compile("^Open "))
    expect(images).to_have_count(int(counts.max()), timeout=SOON)


def colours_of(page: Page) -> float:
    """How far the red of the first picture lies from its blue, on average, once it is drawn."""
    page.wait_for_timeout(300)
    return float(
        page.locator(".pane canvas").first.evaluate(
            """canvas => {
                const context = canvas.getContext("2d");
                const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                let sum = 0;
                for (let at = 0; at < data.length; at += 4) {
                    sum += Math.abs(data[at] - data[at + 2]);
                }
                return sum / (data.length / 4);
            }"""
        )
    )


def explain_an_upload(page: Page, scan: Path) -> None:
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(scan)
    show = page.get_by_role("button", name="Show the heatmap")
    expect(show).to_be_visible(timeout=60_000)
    expect(page.get_by_text(RESEARCH_USE_ONLY).last).to_be_visible()
    slider = page.get_by_role("slider", name="Opacity of the heatmap")
    expect(slider).to_be_hidden()  # the picture is looked at first
    settle(page)
    with no_server_trip(page):
        assert colours_of(page) == 0
        show.click()
        page.keyboard.press("s")
        expect(page.get_by_text("Where the network looked for").first).to_be_visible()
        empty = page.get_by_text("so this map is empty").count() > 0
        assert (colours_of(page) > 0) != empty
        slider.focus()
        for _ in range(11):
            page.keyboard.press("ArrowLeft")
        expect(slider).to_have_value("0")
        assert colours_of(page) == 0
        page.get_by_role("button", name="Hide the heatmap").click()
        expect(slider).to_be_hidden()


def test_from_a_folder_to_a_heatmap(
    serve: Callable[[Workspace], str], page: Page, workspace: Workspace, phantoms: Path
) -> None:
    page.goto(serve(workspace))
    import_folder(page, phantoms)
    run = start_training(page)
    watch_a_chart_grow(page)
    assert len(list(workspace.runs.iterdir())) == 1  # the double click made one run
    page.get_by_role("button", name="See the results").click()
    page.wait_for_url(re.compile(f"/result.*{run}"), timeout=SOON)
    open_a_cell(page, matrix(load_predictions(workspace, run, "val")))
    page.get_by_role("link", name="Explain a scan").click()
    explain_an_upload(page, sorted((phantoms / "PNEUMONIA").iterdir())[0])
