"""The process that executes one run: `python -m medxfer.runs.worker WORKSPACE RUN`.

It lives in a session of its own, so that closing the browser, the app or the terminal leaves it
alone. SIGTERM and SIGINT pause it within seconds: it goes on later after its last saved epoch.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from medxfer import lock
from medxfer.errors import RunError
from medxfer.paths import Workspace
from medxfer.runs.pausing import pausing_on_signals
from medxfer.runs.store import run_folder

_NICENESS = 10
"""So that a run on the CPU gives way to the app that watches it."""


def main(arguments: list[str]) -> int:
    root, run = arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.nice(_NICENESS)
    place = Workspace(Path(root))
    busy = RunError(f"The run {run} has a process already.", "Wait until it ends, or stop it.")
    paths = run_folder(place, run)
    with lock.held(paths.lock, busy), pausing_on_signals(paths) as pausing:
        # torch takes seconds to import, on a busy machine more than a minute; by then the signals
        # are already heeded, and the run counts as one that has a process
        from medxfer.machine import keep_freed_memory
        from medxfer.runs.execute import execute

        keep_freed_memory()
        kinds = [event.kind for event in execute(place, run, pausing, locked=True)]
    return 1 if kinds[-1] == "failed" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
