"""What the measurements of load and wear rest on: the visitor, the table, what is left behind."""

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from recorded import make

from benchmarks.beside import serving
from benchmarks.load_table import Measured, share_at, table
from benchmarks.soak import Soaked, left_behind
from benchmarks.uploading import upload
from benchmarks.visitor import Answer, visiting
from medxfer import lock
from medxfer.errors import MedxferError
from medxfer.paths import Workspace


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (share_at(values, 0.5), share_at(values, 0.95), share_at([3.0], 0.95)) == (50, 95, 3)


def test_the_worst_repetition_is_told_and_what_was_not_measured_too() -> None:
    good = Measured("live", 0.1, {"fragment": [0.1] * 20}, wall=10, server_cpu=1.0)
    bad = Measured("live", 0.2, {"fragment": [0.1] * 18 + [0.7] * 2}, {"fragment: no": 1}, wall=10)
    text = "\n".join(table([bad, good], ["live", "idle"], 2, 60))
    assert "| live | fragment | 20 | 1 | 0.100 | 0.700 |" in text
    assert "**no**" in text
    assert "Not measured: idle" in text


def test_growth_is_of_memory_after_the_warm_up() -> None:
    flat = [100] * 10 + [200] * 20
    assert Soaked(1, app=flat).growth == 0
    assert Soaked(1, app=[*flat[:-3], 230, 230, 230]).growth == pytest.approx(0.15)
    workers = dict(zip("abcdef", [900, 100, 100, 100, 150, 100], strict=True))
    assert Soaked(1, workers=workers).growth_of_workers == pytest.approx(0.5)


def test_what_is_left_behind_is_named(workspace: Workspace) -> None:
    here = psutil.Process()
    before = left_behind(workspace, here)
    (workspace.staging / "half").mkdir()
    (workspace.runs / "x").mkdir()
    (workspace.runs / "x" / ".best.json.1234.tmp").write_text("")
    code = "import sys, time; print(flush=True); time.sleep(60)"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "medxfer.pretended", str(workspace.root)],
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    try:
        with lock.held(workspace.supervisor, MedxferError("busy")):
            found = set(left_behind(workspace, here)) - set(before)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert found == {
        f"process {child.pid} still lives", "staging/half is left",
        "runs/x/.best.json.1234.tmp is left", "supervisor is held",
    }  # fmt: skip


@pytest.mark.long
def test_a_visitor_sees_pages_and_faults_and_uploads(workspace: Workspace, tmp_path: Path) -> None:
    answers: list[Answer] = []
    made = make(workspace, tmp_path / "pictures")
    scan = next((tmp_path / "pictures").glob("*001-0.png"))

    async def visit(address: str) -> None:
        async with visiting(address, answers.append) as visitor:
            for page in ("", "runs", "add", "nonsense"):
                await visitor.open(page)
            await visitor.open("scan", f"run={made.run}")
            assert visitor.uploader
            await upload(visitor, address, scan)

    with serving(workspace) as (address, _):
        asyncio.run(visit(address))
    told = [(answer.what, answer.error) for answer in answers if answer.what != "fragment"]
    assert told == [
        ("start", ""), ("runs", ""), ("add", ""), ("nonsense", "there is no such page"),
        ("scan", ""), ("upload", ""),
    ]  # fmt: skip
