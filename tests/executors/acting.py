"""A stand-in for the process of a run, without torch: `python acting.py WORKSPACE RUN SLOT`.

It takes the locks as the worker does. What it does then stands in the run's note: words, one after
the other. A line in the file `ran` of the workspace counts that it began, one in `twice` that it
found another one at work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from medxfer import lock
from medxfer.errors import RunError
from medxfer.events import Finished, Paused, Progress, Started
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.queue import mark_begun
from medxfer.runs.slots import hold


def command(workspace: Workspace, run: str, slot: str) -> list[str]:
    return [sys.executable, __file__, str(workspace.root), run, slot]


def started() -> Started:
    return Started(
        pid=os.getpid(), device="CPU", precision="float32", threads=1, versions={},
        manifest_hash="0", split_hash="1", classes=("A", "B"), images={}, parameters=1, phases=(),
        weights="none",
    )  # fmt: skip


def progress() -> Progress:
    return Progress(
        epoch=1, batch=1, batches=1, loss=None, images_per_second=1, memory=0, seconds_left=None
    )


def main() -> int:
    place, run = Workspace(Path(sys.argv[1])), sys.argv[2]
    paths = place.run(run)
    try:
        with hold(place, sys.argv[3]), lock.held(paths.lock, RunError("busy")):
            mark_begun(paths)
            with (place.root / "ran").open("a") as file:
                file.write(run + "\n")
            at_work = place.root / f"at-work-{sys.argv[3]}"
            if at_work.exists() and Path(f"/proc/{at_work.read_text()}").exists():
                (place.root / "twice").touch()
            at_work.write_text(str(os.getpid()))
            for word in json.loads(paths.config.read_bytes())["settings"]["note"].split():
                act(word, place, run)
            at_work.unlink()
    except RunError:
        return 75
    return 0


def act(word: str, place: Workspace, run: str) -> None:  # noqa: C901  (one line a word)
    paths = place.run(run)
    match word:
        case "start":
            journal.append(paths.events, started())
            paths.queued.unlink(missing_ok=True)
        case "finish":
            journal.append(paths.events, Finished(seconds=1))
        case "pause":
            journal.append(paths.events, Paused(reason="disk", problem="Full."))
            paths.queued.unlink(missing_ok=True)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            os.kill(os.getpid(), signal.SIGABRT)
        case "exit":
            os._exit(3)
        case "once":  # killed the first time, not the second
            if (place.root / "ran").read_text().split().count(run) < 2:
                os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(600)
        case "wait":
            while not (place.root / "go").exists():
                time.sleep(0.02)
        case "orphan":
            child = subprocess.Popen(["sleep", "600"])
            (place.root / "orphan").write_text(str(child.pid))
        case _:
            time.sleep(float(word))


if __name__ == "__main__":
    sys.exit(main())
