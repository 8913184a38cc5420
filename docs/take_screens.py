"""Take the pictures of docs/screens: `python docs/take_screens.py ADDRESS WORKSPACE [NAME ...]`.

ADDRESS is where the app is served on a workspace that holds the demo data set, a finished run on it
and one that is training. Only phantoms are shown: no picture of a patient may enter the repository.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from medxfer.data.library import DEMO, load_manifest
from medxfer.data.manifest import Split
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs
from medxfer.runs.summary import RunState

SCREENS = Path(__file__).parent / "screens"
WIDTH, HEIGHT = 1440, 1000
TALL = {"results": 1400, "explain": 1700, "new-run": 1500}
"""Pixels, where more than a screenful matters."""
CHECKED = re.compile("^(well|partly|not) supported")
PATIENCE = 120_000
"""Milliseconds for the checks of a heatmap."""
SETTLED = 6000
"""Milliseconds until charts and pictures stand still."""


def addresses(workspace: Workspace) -> dict[str, str]:
    """The page to show, by the name of its picture."""
    runs = list_runs(workspace)
    done = next(run.run for run in runs if run.state is RunState.FINISHED)
    going = next((run.run for run in runs if run.state is RunState.RUNNING), done)
    ill = load_manifest(workspace, DEMO).part(Split.VALIDATION).table.query("label == 'PNEUMONIA'")
    return {
        "start": "/",
        "data": f"/browse?data={DEMO}",
        "audit": f"/audit?data={DEMO}",
        "import": "/add",
        "new-run": f"/new?data={DEMO}",
        "run": f"/run?run={going}",
        "runs": "/runs",
        "results": f"/result?run={done}&cell=1-0",
        "explain": f"/scan?run={done}&image={ill['image'].iloc[0]}",
    }


def show_import(page: Page, workspace: Workspace) -> None:
    """Fill the form with the demo's own files, so that the preview shows."""
    box = page.get_by_role("textbox", name="Folder, CSV, ZIP or MedMNIST file")
    box.fill(str(workspace.dataset(DEMO).files / "images"))
    box.press("Enter")


def main(address: str, folder: str, *names: str) -> None:
    workspace = Workspace.find(Path(folder))
    SCREENS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark")
        for name, path in addresses(workspace).items():
            if names and name not in names:
                continue
            page.set_viewport_size({"width": WIDTH, "height": TALL.get(name, HEIGHT)})
            page.goto(address + path)
            page.wait_for_timeout(SETTLED)
            if name == "import":
                show_import(page, workspace)
                page.wait_for_timeout(SETTLED)
            if name == "explain":
                page.get_by_text(CHECKED).first.wait_for(timeout=PATIENCE)
                page.get_by_role("button", name="Show the heatmap").click()
            page.screenshot(path=SCREENS / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
