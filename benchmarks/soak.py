"""Whether the app wears out: runs, pages and uploads for a while, then what is left of them.

`python -m benchmarks.soak [--minutes 30] [--json FILE] [--table]`

The app is served, short runs follow each other, two people go through the pages, and scans are
uploaded to the Explain page and taken away again. Resident memory of the app and of each worker is
sampled. At the end: memory after the warm-up (the first third) against the last tenth, files left
in staging, half-written files, processes that were started and still live, and locks that are held.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean

import psutil

from benchmarks.beside import PAGES, on_the_demo, prepared, serving, until
from benchmarks.uploading import upload
from benchmarks.visitor import Answer, Visitor, visiting
from medxfer import lock
from medxfer.data.library import DEMO, load_manifest
from medxfer.events import Started
from medxfer.executors.local import start
from medxfer.paths import Workspace
from medxfer.runs.store import Run, list_runs, load_run
from medxfer.runs.summary import RunState

_GROWTH = 0.10
_SAMPLE_SECONDS = 5
_A_RUN_SECONDS = 300
"""That a run may take beyond the end."""
_PEOPLE = 2
_THINKING = (2.0, 4.0)
_WARM_UP, _LAST = 1 / 3, 1 / 10


@dataclass
class Soaked:
    """What was sampled, and what was left."""

    minutes: float
    app: list[int] = field(default_factory=list)
    """Bytes resident, a sample every five seconds."""
    workers: dict[str, int] = field(default_factory=dict)
    """The most bytes that the process of each run took."""
    pages: int = 0
    uploads: int = 0
    errors: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Of the app's memory since the warm-up, as a share."""
        warm = int(len(self.app) * _WARM_UP)
        last = max(1, int(len(self.app) * _LAST))
        return mean(self.app[-last:]) / mean(self.app[warm : warm + last]) - 1

    @property
    def growth_of_workers(self) -> float:
        """Of the largest worker of the last third over that of the second, as a share."""
        sizes = list(self.workers.values())
        third = len(sizes) // 3
        if not third:
            return 0.0
        return max(sizes[-third:]) / max(sizes[third : 2 * third]) - 1


def main() -> None:
    options = _options()
    soaked = Soaked(options.minutes)
    mine = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        workspace = prepared(options.workspace or Path(folder))
        own = frozenset(mine.children(recursive=True))  # decoders that drew the demo data set
        with serving(workspace) as (address, server):
            end = time.monotonic() + 60 * options.minutes
            asyncio.run(_soak(soaked, workspace, address, server, end))
            until(lambda: all(line.state.ended for line in list_runs(workspace)))
        soaked.left = left_behind(workspace, mine, options.patience, own)
    lines = _table(soaked)
    if options.json:
        options.json.write_text(json.dumps(asdict(soaked), indent=1) + "\n")
    if options.table:
        from benchmarks.report import machine_line, write  # it imports torch
        from medxfer.machine import on_cpu

        machine = on_cpu()
        write("soak", machine, ["# A soak", "", machine_line(machine), "", *lines])
    else:
        print("\n".join(lines))
    sys.exit(0 if _held(soaked) else 1)


async def _soak(
    soaked: Soaked, workspace: Workspace, address: str, server: psutil.Process, end: float
) -> None:
    people = [_walk(soaked, workspace, address, number, end) for number in range(_PEOPLE)]
    await asyncio.gather(
        _sample(soaked, server, end),
        _train(soaked, workspace, end),
        _explain(soaked, workspace, address, end),
        *people,
    )


async def _sample(soaked: Soaked, server: psutil.Process, end: float) -> None:
    while time.monotonic() < end:
        soaked.app.append(server.memory_info().rss)
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _train(soaked: Soaked, workspace: Workspace, end: float) -> None:
    """One short run after another."""
    while time.monotonic() < end:
        run = await asyncio.to_thread(start, workspace, on_the_demo(2, "all"))
        state = RunState.WAITING
        while not state.ended and time.monotonic() < end + _A_RUN_SECONDS:
            await asyncio.sleep(1)
            loaded = await asyncio.to_thread(load_run, workspace, run)
            state = loaded.summary.state
            soaked.workers[run] = max(soaked.workers.get(run, 0), _memory(loaded))
        if state is not RunState.FINISHED:
            soaked.errors.append(f"run {run}: {state}")


def _memory(run: Run) -> int:
    """Bytes resident of the process that executes a run; 0 if there is none."""
    pids = [event.pid for event in run.events if isinstance(event, Started)]
    try:
        return int(psutil.Process(pids[-1]).memory_info().rss) if pids else 0
    except psutil.Error:
        return 0


async def _walk(
    soaked: Soaked, workspace: Workspace, address: str, number: int, end: float
) -> None:
    """A person who goes from page to page, and comes back as a new visitor now and then."""
    order = random.Random(number)  # noqa: S311

    def tell(answer: Answer) -> None:
        soaked.pages += 1
        if answer.error:
            soaked.errors.append(f"{answer.what}: {answer.error}")

    while time.monotonic() < end:
        async with visiting(address, tell) as visitor:
            for _ in range(20):
                if time.monotonic() < end:
                    await visitor.open(order.choice(PAGES))
                    await asyncio.sleep(order.uniform(*_THINKING))


async def _explain(soaked: Soaked, workspace: Workspace, address: str, end: float) -> None:
    """Scans of the demo data set uploaded to the Explain page, one visitor each."""
    scans = load_manifest(workspace, DEMO).paths()
    while time.monotonic() < end:
        run = next(line.run for line in list_runs(workspace) if line.has_model)

        def tell(answer: Answer) -> None:
            if answer.error:
                soaked.errors.append(f"upload, {answer.what}: {answer.error}")

        async with visiting(address, tell) as visitor:
            await _show(visitor, address, run, scans[soaked.uploads % len(scans)])
        soaked.uploads += 1
        await asyncio.sleep(5)


async def _show(visitor: Visitor, address: str, run: str, scan: Path) -> None:
    await visitor.open("scan", f"run={run}")
    await upload(visitor, address, scan)


def left_behind(
    workspace: Workspace,
    parent: psutil.Process,
    patience: float = 0,
    own: frozenset[psutil.Process] = frozenset(),
) -> list[str]:
    """What should not be there once everything has ended, in words; processes may take a while.

    `own` are children that the parent had before anything was measured.
    """
    end = time.monotonic() + patience
    while (living := _living(workspace, parent, own)) and time.monotonic() < end:
        time.sleep(1)
    found = [f"process {process.pid} still lives" for process in living]
    found += [
        f"{path.relative_to(workspace.root)} is left"
        for path in [*workspace.staging.iterdir(), *workspace.root.rglob("*.tmp")]
    ]
    locks = [*workspace.root.rglob("*.lock"), *workspace.root.rglob("lock"), workspace.supervisor]
    found += [f"{path.relative_to(workspace.root)} is held" for path in locks if lock.is_held(path)]
    return found


def _living(
    workspace: Workspace, parent: psutil.Process, own: frozenset[psutil.Process]
) -> list[psutil.Process]:
    return list(({*parent.children(recursive=True)} - own) | {*_workers(workspace)})


def _workers(workspace: Workspace) -> list[psutil.Process]:
    """Processes, of any parent, that were started for something in this workspace."""
    root, found = str(workspace.root), []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if root in words and any(word.startswith("medxfer.") for word in words):
            found.append(process)
    return found


def _held(soaked: Soaked) -> bool:
    grown = max(soaked.growth, soaked.growth_of_workers)
    return grown < _GROWTH and not soaked.left and not soaked.errors


def _table(soaked: Soaked) -> list[str]:
    megabytes = [size / 1e6 for size in soaked.app]
    sizes = [size / 1e6 for size in soaked.workers.values()] or [0.0]
    return [
        "| what | |",
        "|---|---|",
        f"| minutes | {soaked.minutes:g} |",
        f"| runs, one after the other | {len(soaked.workers)} |",
        f"| pages and fragments asked for | {soaked.pages} |",
        f"| scans uploaded and explained | {soaked.uploads} |",
        f"| memory of the app, first and most (MB) | {megabytes[0]:.0f}, {max(megabytes):.0f} |",
        f"| its growth after the first third | {soaked.growth:+.1%} |",
        f"| most memory of a worker, least and most of all runs (MB) | {min(sizes):.0f}, "
        f"{max(sizes):.0f} |",
        f"| growth of the workers | {soaked.growth_of_workers:+.1%} |",
        f"| errors | {len(soaked.errors)}{': ' if soaked.errors else ''}"
        f"{'; '.join(soaked.errors[:5])} |",
        f"| left behind | {'; '.join(soaked.left) or 'nothing'} |",
        f"| held (growth under {_GROWTH:.0%}, no error, nothing left) | "
        f"{'yes' if _held(soaked) else '**no**'} |",
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument(
        "--patience", type=float, default=120, help="seconds that processes may take to end"
    )
    parser.add_argument("--workspace", type=Path, help="keep the workspace here")
    parser.add_argument("--json", type=Path, help="every sample")
    parser.add_argument("--table", action="store_true", help="keep the table in results/")
    return parser.parse_args()


if __name__ == "__main__":
    main()
