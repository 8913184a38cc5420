"""How long from an upload to the picture, with prediction and heatmap, in a real browser?

`python -m benchmarks.upload [--each 20] [--beside 10]` serves the app on one thread with a
ResNet-50, uploads real radiographs to the page that explains scans, each into a page opened anew,
and takes the time from choosing the file until the picture stands on the screen: reading it in a
child process, familiarity, prediction and Grad-CAM included; and from then until the checks of the
heatmap have ended. Then the same beside a training run, and three people at once. The network is
trained for one epoch on random weights: its answers are worth nothing, its time is that of any.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.packs import HOME, PACKS, manifest_of, workspace
from benchmarks.report import machine_line, write
from benchmarks.served import APP, served
from medxfer.config import TrainConfig
from medxfer.data.readers import read_picture
from medxfer.machine import choose
from medxfer.paths import HOME_VARIABLE
from medxfer.runs import journal
from medxfer.runs.answering import answering
from medxfer.runs.loading import load_model
from medxfer.runs.store import create_run

_DATA, _BESIDE = "nih-cxr-320", "kermany-cxr-320"
_CHROMIUM = "/usr/bin/chromium"
_PATIENCE = 120_000
"""Milliseconds."""
_TOGETHER = 3
LIMITS = {"PNG": 2.0, "DICOM": 2.5, "PNG beside a training run": 5.0}
"""Seconds at the 95th percentile."""


@dataclass(frozen=True)
class Upload:
    """Seconds until the picture stood on the screen, and until its heatmap was checked."""

    picture: float
    checked: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=20, help="uploads of each kind")
    parser.add_argument("--beside", type=int, default=10, help="uploads beside a training run")
    arguments = parser.parse_args()
    machine = choose(TrainConfig(data="none"))
    lines, run = [machine_line(machine), ""], _network()
    pngs, dicoms = _familiar(run, _pngs()), _familiar(run, _dicoms())
    with served(APP, {HOME_VARIABLE: str(HOME)}) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        here = f"{address}/scan?run={run}"
        for scan in pngs[:2]:  # the first page imports torch and loads the network
            _upload(page, here, scan)
        found = {
            "PNG": [_upload(page, here, scan) for scan in _first(pngs, arguments.each)],
            "DICOM": [_upload(page, here, scan) for scan in _first(dicoms, arguments.each)],
        }
        with _training():
            found["PNG beside a training run"] = [
                _upload(page, here, scan) for scan in _first(pngs, arguments.beside)
            ]
        found[f"PNG, {_TOGETHER} people at once"] = _together(browser, here, pngs)
        browser.close()
    write("upload-50", machine, [*lines, *_table(found)])


def _table(found: dict[str, list[Upload]]) -> list[str]:
    lines = [
        "Seconds from choosing a file to the picture with prediction and heatmap, ResNet-50, the "
        "app on one thread, Chromium on the same machine.",
        "",
        "| upload | n | median | 95th percentile | slowest | wanted | then checks, median |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, uploads in found.items():
        seconds = np.array([upload.picture for upload in uploads])
        checks = np.median([upload.checked - upload.picture for upload in uploads])
        late = np.percentile(seconds, 95, method="higher")
        wanted = f"{LIMITS[kind]:g}" if kind in LIMITS else ""
        lines.append(
            f"| {kind} | {len(seconds)} | {np.median(seconds):.2f} | {late:.2f} | "
            f"{seconds.max():.2f} | {wanted} | {checks:.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def _upload(page: Page, address: str, scan: Path) -> Upload:
    chooser = _opened(page, address)
    begin = time.perf_counter()
    chooser.set_input_files(scan)
    picture = _shown(page, scan) - begin
    page.get_by_text(re.compile("^(well|partly|not) supported")).first.wait_for(timeout=_PATIENCE)
    return Upload(picture, time.perf_counter() - begin)


def _opened(page: Page, address: str) -> Locator:
    page.goto(address)
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput")
    chooser.wait_for(state="attached", timeout=_PATIENCE)
    page.wait_for_timeout(1000)
    return chooser


def _shown(page: Page, scan: Path) -> float:
    """When the picture of this file stood on the screen, with a heatmap to show."""
    page.get_by_text(f"What the network says of {scan.name}").wait_for(timeout=_PATIENCE)
    page.locator(".viewer:not(.waiting) button[data-does=heat]").wait_for(timeout=_PATIENCE)
    return time.perf_counter()


def _together(browser: Browser, address: str, scans: Sequence[Path]) -> list[Upload]:
    """Three pages at once, each with a file of its own; each must show that one."""
    pages = [browser.new_page(viewport={"width": 1440, "height": 900}) for _ in range(_TOGETHER)]
    choosers = [_opened(page, address) for page in pages]
    begin = time.perf_counter()
    for chooser, scan in zip(choosers, scans, strict=False):
        chooser.set_input_files(scan)
    pictures = [_shown(page, scan) - begin for page, scan in zip(pages, scans, strict=False)]
    found = []
    for page, picture in zip(pages, pictures, strict=True):
        page.get_by_text(re.compile("^(well|partly|not) supported")).first.wait_for(
            timeout=_PATIENCE
        )
        found.append(Upload(picture, time.perf_counter() - begin))
        page.close()
    return found


def _network() -> str:
    """A run of a ResNet-50, trained on first use; its name."""
    note = HOME / "upload.json"
    if not note.exists():
        run = _created(_DATA, depth=50, strategy={"name": "all"}, epochs=1)
        with _worker(run) as working:
            working.wait()
        note.write_text(json.dumps({"run": run}))
    found: str = json.loads(note.read_text())["run"]
    return found


@contextmanager
def _training() -> Iterator[None]:
    """A run in which all of a ResNet-18 learns, from its first batches on; ended with the block."""
    run = _created(_BESIDE, strategy={"name": "none"}, epochs=50)
    with _worker(run) as working:
        while not any(event.kind == "progress" for event in journal.read(_events(run))[0]):
            time.sleep(1)
        yield
        if working.poll() is not None:
            raise RuntimeError("training ended before the uploads did")


def _created(data: str, **chosen: object) -> str:
    manifest_of(data)
    values = {"data": data, "weights": "none", "device": "cpu", **chosen}
    return create_run(workspace(), TrainConfig.parse(values))[0]


@contextmanager
def _worker(run: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "medxfer.runs.worker", str(HOME), run]
    with workspace().run(run).log.open("ab") as log:
        working = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        try:
            yield working
        finally:
            working.terminate()
            working.wait()


def _events(run: str) -> Path:
    return workspace().run(run).events


def _pngs() -> list[Path]:
    """Radiographs at their original size as PNG: some are, the others are saved as such."""
    folder = HOME / "uploads"
    folder.mkdir(exist_ok=True)
    found = sorted((PACKS / "nih-cxr-original").glob("*/*.png"))
    for source in sorted((PACKS / "kermany-cxr-original").glob("*/*.jp*g")):
        target = folder / f"{source.stem}.png"
        if not target.exists():
            with Image.open(source) as opened:
                opened.convert("L").save(target)
        found.append(target)
    return found


def _dicoms() -> list[Path]:
    return sorted((PACKS / "nih-cxr-dicom").glob("*/*.dcm"))


def _familiar(run: str, scans: Sequence[Path]) -> list[Path]:
    """Those that the run judges without anybody insisting; makes its gate if it has none."""
    ready = answering(workspace(), load_model(workspace(), run))
    found = [scan for scan in scans if ready.look(read_picture(scan).pixels).familiar]
    print(f"{len(found)} of {len(scans)} scans are familiar to the run", flush=True)
    return found


def _first(scans: Sequence[Path], count: int) -> list[Path]:
    """So many of them, from the beginning again when they are used up."""
    return [scans[number % len(scans)] for number in range(count)]


if __name__ == "__main__":
    main()
