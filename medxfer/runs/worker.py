"""The process that executes one run: `python -m medxfer.runs.worker WORKSPACE RUN [SLOT]`.

All it is told beyond that stands in the run's config.json. It takes the lock of the device slot
and of the run first; where another process has one of them it ends at once, having done nothing.

It lives in a session of its own, so that closing the browser, the app or the terminal leaves it
alone. SIGTERM and SIGINT pause it within seconds: it goes on later after its last saved epoch.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from medxfer import lock
from medxfer.errors import RunError
from medxfer.paths import Workspace
from medxfer.runs.pausing import pausing_on_signals
from medxfer.runs.queue import mark_begun
from medxfer.runs.slots import hold
from medxfer.runs.store import run_folder

log = logging.getLogger(__name__)

BUSY = 75
"""How it ends if another process has the slot or the run (EX_TEMPFAIL of sysexits.h)."""
_NICENESS = 10
"""So that a run on the CPU gives way to the app that watches it."""


def main(arguments: list[str]) -> int:
    root, run, *slot = arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.nice(_NICENESS)
    place = Workspace(Path(root))
    paths = run_folder(place, run)
    busy = RunError(f"The run {run} has a process already.", "Wait until it ends, or stop it.")
    with ExitStack() as held:
        try:
            for name in slot:
                held.enter_context(hold(place, name))
            held.enter_context(lock.held(paths.lock, busy))
        except RunError as error:
            log.warning("%s", error)
            return BUSY
        if paths.queued.exists():
            mark_begun(paths)
        pausing = held.enter_context(pausing_on_signals(paths))
        # torch takes seconds to import, on a busy machine more than a minute; by then the signals
        # are already heeded, and the run counts as one that has a process
        from medxfer.machine import keep_freed_memory
        from medxfer.runs.execute import execute

        keep_freed_memory()
        kinds = [event.kind for event in execute(place, run, pausing, locked=True)]
    return 1 if kinds[-1] == "failed" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
