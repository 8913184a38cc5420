"""Text from outside on every page: it stays text, and nobody else is asked."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from quiet import settle
from recorded import make_run
from test_policy_in_browser import PAGES, SOON, Listener

from medxfer.activity import note
from medxfer.bin import contents
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.paths import Workspace
from medxfer.runs.deleting import remove_run

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.long]

SCRIPT = "<script>owned=1</script>![x](http://evil.example/x.png) <img src=x onerror=owned=1>"
LINKS = "[a](javascript:owned=1) www.evil.example a@evil.example $\\int$ :material/skull: :red[x]"
SPOOF = "\u202egnp.x " + "y" * 120
FORMULA = '=HYPERLINK("http://evil.example")'
LINKED = """() => [...document.querySelectorAll("a[href], img[src], iframe, script[src]")]
    .map(each => each.href || each.src).filter(each => /evil|^javascript:/.test(each))"""
DRAWN = """() => [...document.querySelectorAll(".katex, [data-testid=stIconMaterial]")]
    .map(each => each.textContent).filter(each => /int|∫|^skull$/.test(each))"""


@pytest.fixture
def run(workspace: Workspace, tmp_path: Path) -> str:
    """A finished run, and one in the bin, on data whose classes, files and notes are hostile."""
    folder = tmp_path / "scans"
    folder.mkdir()
    generator = np.random.default_rng(0)
    rows = []
    for number in range(80):
        label = (f"{SCRIPT} {FORMULA}", f"{FORMULA} {LINKS} {SPOOF}")[number % 2]
        part = ("train", "val", "test")[min(number // 32, 2)]
        file = f"{number} <img src=x onerror=owned=1> $x$ [a](javascript:b) {SPOOF}.png"
        Image.fromarray(generator.integers(0, 255, (32, 32), dtype=np.uint8)).save(folder / file)
        rows.append((file, label, f"{FORMULA}{number}", part))
    with (folder / "table.csv").open("w", newline="") as file_:
        writer = csv.writer(file_)
        writer.writerow(("file", "label", "patient", "split"))
        writer.writerows(rows)
    import_source(workspace, folder / "table.csv", ImportOptions(name="hostile"))
    note_ = f"{FORMULA} {SCRIPT} {LINKS}"[:200]
    gone = make_run(workspace, "hostile", note=note_)
    remove_run(workspace, gone, by=f"{SCRIPT} {LINKS}")
    note(workspace, SCRIPT, LINKS, FORMULA, SPOOF)
    return make_run(workspace, "hostile", seed=1, note=note_)


def test_text_from_outside_stays_text_on_every_page(
    serve: Callable[[Workspace], str], page: Page, workspace: Workspace, run: str
) -> None:
    assert len(contents(workspace)) == 1
    image = load_manifest(workspace, "hostile").table["image"].iloc[0]
    address = serve(workspace)
    asked = {"result": f"run={run}&cell=1-0", "run": f"run={run}", "compare": f"run={run}",
             "scan": f"run={run}&image={image}",
             "browse": f"data=hostile&image={image}"}  # fmt: skip
    listener = Listener(page, address)
    shown = 0
    for name in PAGES:
        path = "" if name == "home" else name
        page.goto(f"{address}/{path}?{asked.get(name, 'data=hostile')}")
        expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=SOON)
        settle(page)
        page.evaluate(
            "document.querySelectorAll('details:not([open]) > summary').forEach(it => it.click())"
        )
        settle(page)
        assert page.evaluate("window.owned") is None, name
        assert page.evaluate(LINKED) == [], name
        assert page.evaluate(DRAWN) == [], name
        assert listener.wrong == [], name
        assert not page.get_by_text("Something went wrong").count(), name
        shown += "onerror=owned=1>" in page.inner_text("body")
        tables = page.get_by_test_id("stDataFrame").filter(visible=True)
        if tables.count():
            tables.first.hover()
            own = page.locator('[aria-label^="Download as CSV"]').filter(visible=True)
            expect(own).to_have_count(0)  # Streamlit's, which neutralises nothing
    assert shown >= 3
