"""How the app answers when many people use it, beside a run on the CPU and without one.

`python -m benchmarks.load [live|clicks|idle|list ...] [--repeat 3] [--json FILE] [--table]`

- `live`: 20 open pages of a run that trains, each refreshing its moving part by its own timer.
- `clicks`, `idle`: 10 people going from page to page with about 5 s in between, beside a run that
  trains, and without one.
- `list`: 1,000 runs of 200 epochs, through `list_runs` and on their page.

The app is served as `medxfer app` serves it, runs are executed by their real process, and requests
are those of a browser (see `visitor`). Seconds count from when a request was due. The server's CPU
seconds a request are given beside them, since on a busy machine only these say what the app costs.
Each scenario is repeated and the worst is given. With a load above 0.5 before a scenario nothing is
measured, unless `--anyway`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path

import psutil

from benchmarks.beside import PAGES, PATIENCE, cpu_of, prepared, serving, training
from benchmarks.listing import EPOCHS, RUNS, fill
from benchmarks.load_table import QUIET, Measured, share_at, table
from benchmarks.visitor import Answer, Visitor, visiting
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs

_OF_A_RUN = ("run", "result", "scan")
_OPEN_PAGES, _PEOPLE, _THINKING = 20, 10, (4.0, 6.0)


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        workspace = prepared(options.workspace or Path(folder))
        kept = [
            measured
            for _ in range(options.repeat)
            for name in options.scenario or SCENARIOS
            if (measured := _once(name, workspace, options)) is not None
        ]
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in kept], indent=1) + "\n")
    wanted = options.scenario or tuple(SCENARIOS)
    lines = table(kept, wanted, options.repeat, options.seconds)
    if options.table:
        from benchmarks.report import machine_line, write  # it imports torch
        from medxfer.machine import on_cpu

        machine = on_cpu()
        write("load", machine, ["# Many people at once", "", machine_line(machine), "", *lines])
    else:
        print("\n".join(lines))


def _once(name: str, workspace: Workspace, options: argparse.Namespace) -> Measured | None:
    load = _quiet(options)
    if load is None:
        print(f"{name}: not measured, the load did not fall below {QUIET}", file=sys.stderr)
        return None
    measured = Measured(name, load)
    SCENARIOS[name](workspace, measured, options.seconds)
    print(f"{name}: {_words(measured)}", file=sys.stderr)
    return measured


def _live(workspace: Workspace, measured: Measured, seconds: float) -> None:
    with training(workspace) as (run, worker), serving(workspace) as (address, server):

        async def watch(number: int, begin: asyncio.Event) -> None:
            answers = _Gate(measured, begin)
            async with visiting(address, answers) as visitor:
                await visitor.open("run", f"run={run}")
                if not visitor.fragments:
                    raise RuntimeError("the page of the run does not refresh itself")
                await begin.wait()
                await asyncio.sleep(seconds)

        asyncio.run(_together(watch, _OPEN_PAGES, measured, (server, worker), seconds))


def _clicks(workspace: Workspace, measured: Measured, seconds: float) -> None:
    with training(workspace) as (_, worker):
        _click(workspace, measured, seconds, (worker,))


def _idle(workspace: Workspace, measured: Measured, seconds: float) -> None:
    _click(workspace, measured, seconds, ())


def _click(
    workspace: Workspace, measured: Measured, seconds: float, workers: tuple[psutil.Process, ...]
) -> None:
    finished = next(line.run for line in list_runs(workspace) if line.has_model)

    async def walk(visitor: Visitor, order: random.Random, end: float) -> None:
        while time.monotonic() < end:
            await _turn_to(visitor, order.choice(PAGES), finished)
            await asyncio.sleep(order.uniform(*_THINKING))

    with serving(workspace) as (address, server):

        async def click(number: int, begin: asyncio.Event) -> None:
            order = random.Random(number)  # noqa: S311
            async with visiting(address, _Gate(measured, begin)) as visitor:
                if number == 0:  # whatever a server does once, it has done
                    for page in PAGES:
                        await _turn_to(visitor, page, finished)
                await begin.wait()
                await asyncio.sleep(order.uniform(0, _THINKING[1]))
                await walk(visitor, order, time.monotonic() + seconds)

        asyncio.run(_together(click, _PEOPLE, measured, (server, *workers), seconds))


async def _turn_to(visitor: Visitor, page: str, run: str) -> None:
    await visitor.open(page, f"run={run}" if page in _OF_A_RUN else "")


def _list(workspace: Workspace, measured: Measured, seconds: float) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        many = Workspace.find(Path(folder) / "many")
        fill(many, RUNS, EPOCHS)
        for kind in ("list_runs, no index", "list_runs", "list_runs"):
            if kind != "list_runs":
                _without_index(many)
            begin = time.perf_counter()
            if len(list_runs(many)) != RUNS:
                raise RuntimeError("not all runs are listed")
            measured.seconds.setdefault(kind, []).append(time.perf_counter() - begin)

        async def look(address: str) -> None:
            answers: list[Answer] = []
            async with visiting(address, answers.append) as visitor:
                await visitor.open("")
                _without_index(many)
                for _ in range(8):
                    await visitor.open("runs")
            measured.seconds["runs page, no index"] = [answers[1].seconds]
            measured.seconds["runs page"] = [answer.seconds for answer in answers[2:]]
            for answer in answers:
                if answer.error:
                    measured.errors[answer.error] = measured.errors.get(answer.error, 0) + 1

        with serving(many) as (address, server):
            before = cpu_of(server)
            asyncio.run(look(address))
            measured.server_cpu = cpu_of(server) - before


def _without_index(workspace: Workspace) -> None:
    for path in workspace.root.glob("index.sqlite*"):
        path.unlink()


SCENARIOS: dict[str, Callable[[Workspace, Measured, float], None]] = {
    "live": _live, "clicks": _clicks, "idle": _idle, "list": _list,
}  # fmt: skip


class _Gate:
    """Takes answers to requests that were due once all visitors are there."""

    def __init__(self, measured: Measured, begin: asyncio.Event) -> None:
        self._measured, self._begin = measured, begin
        self._since = 0.0

    def __call__(self, answer: Answer) -> None:
        if answer.error and not self._begin.is_set():
            raise RuntimeError(f"{answer.what}: {answer.error}")
        if self._begin.is_set():
            self._measured.add(answer)


async def _together(
    visit: Callable[[int, asyncio.Event], Coroutine[None, None, None]],
    people: int,
    measured: Measured,
    processes: tuple[psutil.Process, ...],
    seconds: float,
) -> None:
    """Let people in one after the other, then measure them all."""
    begin = asyncio.Event()
    visits = []
    for number in range(people):
        visits.append(asyncio.create_task(visit(number, begin)))
        await asyncio.sleep(0.5)
    await asyncio.sleep(10)
    before = [cpu_of(process) for process in processes]
    own, wall = _own_cpu(), time.monotonic()
    begin.set()
    await asyncio.gather(*visits)
    spent = [cpu_of(process) - cpu for process, cpu in zip(processes, before, strict=True)]
    measured.server_cpu, measured.worker_cpu = spent[0], sum(spent[1:])
    measured.visitors_cpu, measured.wall = _own_cpu() - own, time.monotonic() - wall


def _quiet(options: argparse.Namespace) -> float | None:
    """The load, once it is low enough; None if it does not become so."""
    end = time.monotonic() + PATIENCE
    while (load := os.getloadavg()[0]) > QUIET and not options.anyway:
        if time.monotonic() > end:
            return None
        time.sleep(5)
    return load


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _words(measured: Measured) -> str:
    parts = [
        f"{kind} n {len(values)} p50 {share_at(values, 0.5):.3f} p95 {share_at(values, 0.95):.3f} "
        f"max {max(values):.3f}"
        for kind, values in measured.seconds.items()
    ]
    return "; ".join([*parts, f"server {measured.server_cpu:.1f} CPU s", f"{measured.errors}"])


def _scenario(name: str) -> str:
    if name not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(SCENARIOS)}")
    return name


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenario", nargs="*", type=_scenario, help=", ".join(SCENARIOS))
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--workspace", type=Path, help="keep the prepared workspace here")
    parser.add_argument("--json", type=Path, help="every single figure")
    parser.add_argument("--table", action="store_true", help="keep the table in results/")
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
