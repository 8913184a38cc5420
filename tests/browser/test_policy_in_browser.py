"""Every page under the content policy: nothing refused, nothing missing, nobody else asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect
from quiet import settle
from recorded import make_run

from medxfer.config import Depth, HeadConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.phantom.generator import generate
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PAGES = re.findall(r'st\.Page\("pages/\w+/(\w+)\.py"', (ROOT / "app.py").read_text())
SOON = 60_000
"""Milliseconds."""


class Listener:
    """What goes wrong on a page, and who is asked."""

    def __init__(self, page: Page, address: str) -> None:
        self.wrong: list[str] = []
        self._address = address
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _said(self, message: object) -> None:
        text = getattr(message, "text", "")
        if re.search("Content.Security.Policy|Refused to|violates", text):
            self.wrong.append(f"console: {text}")

    def _failed(self, request: object) -> None:
        failure = getattr(request, "failure", "")
        if failure != "net::ERR_ABORTED":  # by the page itself, as it leaves for another
            self.wrong.append(f"failed: {getattr(request, 'url', '')} {failure}")

    def _answered(self, response: object) -> None:
        url, status = getattr(response, "url", ""), getattr(response, "status", 0)
        # Of a deep link Streamlit asks whether its last part belongs to the app's own address.
        if re.search("/[a-z]+/_stcore/(health|host-config)$", url):
            return
        if status >= 400 or not url.startswith((self._address, "data:", "blob:")):
            self.wrong.append(f"{status}: {url}")


@pytest.fixture
def run(workspace: Workspace, tmp_path: Path) -> str:
    """A finished run on phantoms, with a network that has learned nothing."""
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
    return run


def test_a_page_runs_no_script_of_its_content_and_asks_nobody_else(
    serve: Callable[[Workspace], str], page: Page, workspace: Workspace, run: str
) -> None:
    address = serve(workspace)
    listener = Listener(page, address)
    page.goto(f"{address}/result?run={run}&cell=1-0")
    expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=SOON)
    settle(page)
    page.get_by_role("tab", name="Report").click()
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Download the report (HTML)").click(timeout=SOON)
    assert b"Research use only" in arriving.value.path().read_bytes()
    assert listener.wrong == []
    page.evaluate(
        """() => { const script = document.createElement("script");
        script.textContent = "window.owned = true"; document.body.append(script);
        const image = document.createElement("img");
        image.src = "http://127.0.0.2:9/x.png"; document.body.append(image); }"""
    )
    page.wait_for_timeout(500)
    assert page.evaluate("window.owned") is None
    assert len([wrong for wrong in listener.wrong if "Content Security Policy" in wrong]) == 2


@pytest.mark.long
def test_every_page_passes_the_content_policy(
    serve: Callable[[Workspace], str], page: Page, workspace: Workspace, run: str
) -> None:
    image = load_manifest(workspace, "phantoms").table["image"].iloc[0]
    asked = {"result": f"run={run}&cell=1-0", "run": f"run={run}", "compare": f"run={run}",
             "scan": f"run={run}&image={image}"}  # fmt: skip
    address = serve(workspace)
    listener = Listener(page, address)
    assert len(PAGES) >= 10
    for name in PAGES:
        path = "" if name == "home" else name
        page.goto(f"{address}/{path}?{asked.get(name, 'data=phantoms')}")
        expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=SOON)
        if name == "scan":
            expect(page.get_by_text("being checked")).to_have_count(0, timeout=2 * SOON)
            expect(page.get_by_role("button", name="Invert")).to_be_visible(timeout=SOON)
        settle(page)
        for tab in page.get_by_role("tab").all():
            tab.click()
        page.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach("
                      "folded => folded.click())")  # fmt: skip
        settle(page)
        settle(page)
        assert listener.wrong == [], name
        assert not page.get_by_text("Something went wrong").count(), name
