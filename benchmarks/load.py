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
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from benchmarks.many_runs import make_runs
from benchmarks.served import APP, served
from benchmarks.visitor import Answer, Visitor, visiting
from medxfer import lock
from medxfer.config import Device, StrategyConfig, TrainConfig
from medxfer.data.library import DEMO, ensure_demo
from medxfer.events import Progress, Started
from medxfer.executors.local import start
from medxfer.paths import HOME_VARIABLE, Workspace
from medxfer.runs.store import list_runs, load_run, request_stop

PAGES = ("", "browse", "add", "audit", "new", "runs", "run", "result", "compare", "scan")
_OF_A_RUN = ("run", "result", "scan")
_OPEN_PAGES, _PEOPLE, _THINKING = 20, 10, (4.0, 6.0)
_QUIET, _PATIENCE = 0.5, 600
_RUNS, _EPOCHS = 1000, 200
_TARGETS = {"live": ("fragment", 0.5), "clicks": ("page", 3.0), "idle": ("page", 1.5)}
_LISTING = 1.0


@dataclass
class Measured:
    """One scenario, once: seconds of each request by kind, and what it cost."""

    scenario: str
    load_before: float
    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    server_cpu: float = 0.0
    worker_cpu: float = 0.0
    visitors_cpu: float = 0.0
    wall: float = 0.0

    def add(self, answer: Answer) -> None:
        kind = "fragment" if answer.what == "fragment" else "page"
        self.seconds.setdefault(kind, []).append(answer.seconds)
        if answer.error:
            said = f"{answer.what}: {answer.error}"
            self.errors[said] = self.errors.get(said, 0) + 1


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
    lines = _table(kept, options)
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
        print(f"{name}: not measured, the load did not fall below {_QUIET}", file=sys.stderr)
        return None
    measured = Measured(name, load)
    SCENARIOS[name](workspace, measured, options.seconds)
    print(f"{name}: {_words(measured)}", file=sys.stderr)
    return measured


def _live(workspace: Workspace, measured: Measured, seconds: float) -> None:
    with _training(workspace) as (run, worker), serving(workspace) as (address, server):

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
    with _training(workspace) as (_, worker):
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
    with tempfile.TemporaryDirectory() as folder:
        many = Workspace.find(Path(folder) / "many")
        make_runs(many, _RUNS, _EPOCHS)
        for kind in ("list_runs, no index", "list_runs", "list_runs"):
            if kind != "list_runs":
                _without_index(many)
            begin = time.perf_counter()
            if len(list_runs(many)) != _RUNS:
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
            before = _cpu(server)
            asyncio.run(look(address))
            measured.server_cpu = _cpu(server) - before


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
    before = [_cpu(process) for process in processes]
    own, wall = _own_cpu(), time.monotonic()
    begin.set()
    await asyncio.gather(*visits)
    spent = [_cpu(process) - cpu for process, cpu in zip(processes, before, strict=True)]
    measured.server_cpu, measured.worker_cpu = spent[0], sum(spent[1:])
    measured.visitors_cpu, measured.wall = _own_cpu() - own, time.monotonic() - wall


@contextmanager
def serving(workspace: Workspace) -> Iterator[tuple[str, psutil.Process]]:
    """The served app, its address and its process."""
    with served(APP, {HOME_VARIABLE: str(workspace.root)}) as address:
        port = int(address.rpartition(":")[2])
        yield (
            address,
            next(
                child
                for child in psutil.Process().children(recursive=True)
                if any(c.laddr and c.laddr.port == port for c in child.net_connections("inet"))
            ),
        )


@contextmanager
def _training(workspace: Workspace) -> Iterator[tuple[str, psutil.Process]]:
    """A run that is training while the block runs, and its process."""
    run = start(workspace, short_run(epochs=500))
    try:
        until(lambda: any(isinstance(event, Progress) for event in load_run(workspace, run).events))
        events = load_run(workspace, run).events
        pid = next(event.pid for event in reversed(events) if isinstance(event, Started))
        yield run, psutil.Process(pid)
        if load_run(workspace, run).summary.state.ended:
            raise RuntimeError("the run ended before the measurement did")
    finally:
        request_stop(workspace, run)
        until(lambda: load_run(workspace, run).summary.state.ended)
        until(lambda: not lock.is_held(workspace.run(run).lock))


def prepared(folder: Path) -> Workspace:
    """A workspace with the demo data set and a finished run."""
    workspace = Workspace.find(folder)
    ensure_demo(workspace)
    if not any(line.has_model for line in list_runs(workspace)):
        run = start(workspace, short_run(epochs=1))
        until(lambda: load_run(workspace, run).summary.state.ended)
        if not load_run(workspace, run).summary.has_model:
            raise RuntimeError(load_run(workspace, run).summary.problem)
    return workspace


def short_run(epochs: int) -> TrainConfig:
    """Settings of a run on the demo data set, all of the network learning, on the CPU."""
    return TrainConfig(
        data=DEMO, weights="none", strategy=StrategyConfig(name="none"), epochs=epochs,
        early_stopping=None, batch_size=16, device=Device.CPU,
    )  # fmt: skip


def until(done: Callable[[], bool]) -> None:
    """Wait; TimeoutError after ten minutes."""
    end = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.5)


def _quiet(options: argparse.Namespace) -> float | None:
    """The load, once it is low enough; None if it does not become so."""
    end = time.monotonic() + _PATIENCE
    while (load := os.getloadavg()[0]) > _QUIET and not options.anyway:
        if time.monotonic() > end:
            return None
        time.sleep(5)
    return load


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _at(values: list[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def _words(measured: Measured) -> str:
    parts = [
        f"{kind} n {len(values)} p50 {_at(values, 0.5):.3f} p95 {_at(values, 0.95):.3f} "
        f"max {max(values):.3f}"
        for kind, values in measured.seconds.items()
    ]
    return "; ".join([*parts, f"server {measured.server_cpu:.1f} CPU s", f"{measured.errors}"])


def _table(kept: list[Measured], options: argparse.Namespace) -> list[str]:
    """The worst of the repetitions, by p95; seconds."""
    lines = [
        "| scenario | request | n | errors | p50 s | p95 s | max s | server CPU s a request | CPU "
        "of run / visitors | load before | target | held |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    cells: dict[tuple[str, str], list[Measured]] = {}
    for one in kept:
        for kind in one.seconds:
            cells.setdefault((one.scenario, kind), []).append(one)
    for (scenario, kind), repeats in cells.items():
        worst = max(repeats, key=lambda one: _at(one.seconds[kind], 0.95))
        values = worst.seconds[kind]
        target = _target(scenario, kind)
        p95 = _at(values, 0.95)
        everything = sum(map(len, worst.seconds.values()))
        wall = max(worst.wall, 1e-9)
        cpu = f"{worst.server_cpu / everything:.3f}" if worst.wall else "–"
        shares = f"{worst.worker_cpu / wall:.2f} / {worst.visitors_cpu / wall:.2f}"
        lines.append(
            f"| {scenario} | {kind} | {len(values)} | {sum(worst.errors.values())} | "
            f"{_at(values, 0.5):.3f} | {p95:.3f} | {max(values):.3f} | {cpu} | "
            f"{shares if worst.wall else '–'} | {worst.load_before:.2f} | "
            f"{f'{target:g}' if target else '–'} | "
            f"{('yes' if p95 < target else '**no**') if target else '–'} |"
        )
    missing = [name for name in options.scenario or SCENARIOS
               if name not in {one.scenario for one in kept}]  # fmt: skip
    lines += ["", f"Not measured: {', '.join(missing)} (load above {_QUIET})."] if missing else []
    return [
        *lines,
        "",
        f"Worst of {options.repeat} repetitions of {options.seconds:.0f} s by its p95, warm. "
        "Seconds count from when a request was due. Server CPU is that of all its requests, pages "
        "and fragments, divided by their number; CPU of the run (nice 10) and of the simulated "
        "visitors in cores. Server, run and visitors shared the cores; nothing was pinned.",
    ]


def _target(scenario: str, kind: str) -> float | None:
    if scenario == "list":
        return _LISTING
    aimed, seconds = _TARGETS[scenario]
    return seconds if kind == aimed else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenario", nargs="*", choices=SCENARIOS, default=[])
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--workspace", type=Path, help="keep the prepared workspace here")
    parser.add_argument("--json", type=Path, help="every single figure")
    parser.add_argument("--table", action="store_true", help="keep the table in results/")
    parser.add_argument("--anyway", action="store_true", help="measure on a busy machine too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
