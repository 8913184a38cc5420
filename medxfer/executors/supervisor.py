"""The one process of a host that starts runs: `python -m medxfer.executors.supervisor WORKSPACE`.

Each round it looks after the processes that execute runs, those of a supervisor before it too, and
gives free device slots to waiting runs. Killed at any moment it loses nothing: the runs go on, and
the next one takes over. Nothing runs twice, since a run's process holds the locks of its slot and
of the run. Imports no torch.
"""

from __future__ import annotations

import logging
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag

from medxfer import lock
from medxfer.errors import MedxferError, RunError, WorkspaceError
from medxfer.events import Event, Failed
from medxfer.executors import presence
from medxfer.executors.child import Child, Command, begin, worker
from medxfer.executors.death import STUCK_MINUTES, death, memory
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import journal, queue
from medxfer.runs.queue import Job
from medxfer.runs.slots import Slot, find_slots
from medxfer.runs.store import NEW_PREFIX, load_run
from medxfer.runs.summary import last_word
from medxfer.runs.worker import BUSY

log = logging.getLogger(__name__)

TRIES = 2
"""Processes that a run may use up before it needs a person's attention."""
IDLE_SECONDS = 60.0
"""Without work for so long, a supervisor that was started on demand ends."""
_ROUND_SECONDS = 0.5
_BEAT_SECONDS = 10.0
_MEND_SECONDS = 30.0
_START_SECONDS = 20.0
"""How long a process that another supervisor started may take to hold its run's lock."""
_PATIENCE_SECONDS = 5.0
"""Until the next try, after the system refused."""
_OLD_SECONDS = 3600.0


class Supervisor:
    """Looks after the queue of one workspace; `round` does what is to be done now."""

    def __init__(
        self, workspace: Workspace, slots: Sequence[Slot] = (), command: Command = worker
    ) -> None:
        self._workspace = workspace
        self._slots = slots or find_slots()
        self._command = command
        self._children: dict[str, Child] = {}
        """By slot."""
        self._seen: dict[str, float] = {}
        """When a claimed run without a process was first seen, by run; monotonic."""
        self._later: dict[str, float] = {}
        """When a slot is tried again that was refused, by slot; monotonic."""
        self._mended = self._beaten = -float("inf")
        self._busy = time.monotonic()
        self._since = datetime.now(UTC)

    @property
    def running(self) -> list[str]:
        """The runs that have a process."""
        return [child.job.run for child in self._children.values()]

    def round(self) -> None:
        """One look at everything.

        Raises:
            WorkspaceError: the index cannot be used now.
        """
        now = time.monotonic()
        if now - self._beaten >= _BEAT_SECONDS:
            with suppress(OSError):  # a full disk does not end the supervisor
                presence.tell(self._workspace, self._since)
            self._beaten = now
        if now - self._mended >= _MEND_SECONDS:
            queue.mend(self._workspace)
            self._mended = now
        for slot, child in list(self._children.items()):
            self._watch(slot, child)
        jobs = queue.jobs(self._workspace)
        self._adopt(jobs)
        if any(job.slot is None for job in jobs):
            self._fill()
        if self._children or any(job.slot for job in jobs):
            self._busy = now

    def idle(self) -> float:
        """Seconds without anything to do."""
        return time.monotonic() - self._busy

    def _watch(self, slot: str, child: Child) -> None:
        if child.is_over():
            self._ended(child)
            del self._children[slot]
            return
        child.memory = memory() if not child.stuck else child.memory
        if child.silence() > STUCK_MINUTES * 60 and not child.stuck:
            log.warning("run %s is stuck", child.job.run)
            child.kill()

    def _adopt(self, jobs: Sequence[Job]) -> None:
        """Take over runs that were claimed by a supervisor that is gone."""
        for job in jobs:
            if job.slot is None or job.slot in self._children:
                continue
            paths = self._workspace.run(job.run)
            if lock.is_held(paths.lock):
                log.info("run %s goes on", job.run)
                self._children[job.slot] = Child(job, paths, None)
                self._seen.pop(job.run, None)
            elif queue.has_begun(paths):
                self._ended(Child(job, paths, None))
            elif time.monotonic() - self._seen.setdefault(job.run, time.monotonic()) > (
                _START_SECONDS
            ):
                del self._seen[job.run]
                queue.release(self._workspace, job, counted=False)

    def _fill(self) -> None:
        """Give every free slot to the next run that fits it."""
        for slot in self._slots:
            early = time.monotonic() < self._later.get(slot.name, 0.0)
            if early or slot.name in self._children or not slot.is_free(self._workspace):
                continue
            job = queue.claim(self._workspace, slot.name, slot.devices)
            if job is not None and self._is_sound(job):
                self._begin(job, slot)

    def _is_sound(self, job: Job) -> bool:
        """Whether the run's folder can be read; one that cannot is marked and left out."""
        try:
            load_run(self._workspace, job.run)
        except MedxferError as error:
            log.warning("run %s is left out: %s", job.run, error)
            paths = self._workspace.run(job.run)
            if paths.root.is_dir():
                failed = Failed(problem=error.problem, remedy=error.remedy)
                self._append(paths, failed)
            queue.leave(self._workspace, job.run)
            return False
        return True

    def _begin(self, job: Job, slot: Slot) -> None:
        try:
            self._children[slot.name] = begin(self._workspace, job, slot, self._command)
        except OSError as error:
            log.warning("run %s could not be started: %s", job.run, error)
            self._put_off(job)
        else:
            log.info("run %s begins on %s", job.run, slot.name)

    def _ended(self, child: Child) -> None:
        """The process of a run is gone: the run has had its last word, or it gets one."""
        job, code = child.job, child.code
        log.info("the process of run %s ended (%s)", job.run, code)
        if code == BUSY:
            self._put_off(job)
            return
        if not self._is_ours(job):
            return  # it was queued again, or taken off, in the meantime
        paths = child.paths
        try:
            over = not paths.queued.exists() and last_word(journal.read(paths.events)[0])
        except RunError:  # damaged: nothing can be said about it
            queue.leave(self._workspace, job.run)
            return
        if over or not paths.config.is_file():
            queue.finish(self._workspace, job)
            return
        died = death(code, child.memory, memory(), stuck=child.stuck)
        if job.attempts < TRIES:
            # Queued again before it is told: killed in between, the run is still carried out.
            queue.mark(paths, job.by)
            self._append(paths, died)
            queue.again(self._workspace, job)
        else:
            again = "It was the second time in a row, so it was not tried again. "
            remedy = f"{again}{died.remedy or 'Continue it when the cause is mended.'}"
            self._append(paths, died.model_copy(update={"remedy": remedy}))
            queue.leave(self._workspace, job.run)

    def _put_off(self, job: Job) -> None:
        """Nothing could be done for the job now: it waits again, and its slot for a moment."""
        queue.release(self._workspace, job, counted=False)
        if job.slot is not None:
            self._later[job.slot] = time.monotonic() + _PATIENCE_SECONDS

    def _is_ours(self, job: Job) -> bool:
        rows = (row for row in queue.jobs(self._workspace) if row.run == job.run)
        return any(row.slot == job.slot for row in rows)

    def _append(self, paths: RunPaths, event: Event) -> None:
        """Add to a run's events, unless some process holds its lock or the disk refuses."""
        try:
            with lock.held(paths.lock, RunError("The run has a process.")):
                journal.append(paths.events, event)
        except (OSError, RunError) as error:
            log.warning("%s could not be told: %s", event.kind, error)


def supervise(
    workspace: Workspace,
    stop: Flag,
    *,
    idle_seconds: float | None = None,
    slots: Sequence[Slot] = (),
    command: Command = worker,
) -> list[str]:
    """Look after the queue until told to stop, or idle for so long; the runs that still go on.

    Raises:
        RunError: another supervisor runs on this workspace.
    """
    while True:
        with lock.held(workspace.supervisor, presence.taken(workspace)):
            _clear_staging(workspace)
            supervisor = Supervisor(workspace, slots, command)
            while not stop.is_set() and workspace.runs.is_dir():
                try:
                    supervisor.round()
                except WorkspaceError:
                    log.exception("the index cannot be used")
                    stop.wait(_PATIENCE_SECONDS)
                except Exception:  # one bad job must not keep the others waiting
                    log.exception("bug")
                    stop.wait(_PATIENCE_SECONDS)
                if idle_seconds is not None and supervisor.idle() > idle_seconds:
                    break
                stop.wait(_ROUND_SECONDS)
        # Whoever queued a run before the lock was free saw it held, and started nobody.
        if stop.is_set() or not workspace.runs.is_dir() or not _work(workspace):
            return supervisor.running


def _work(workspace: Workspace) -> bool:
    try:
        return bool(queue.jobs(workspace))
    except WorkspaceError:
        return False


def _clear_staging(workspace: Workspace) -> None:
    """Remove what is left of runs that were being made when their process was killed."""
    for path in workspace.staging.glob(f"{NEW_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def stop_flag() -> Flag:
    """A flag that SIGTERM and SIGINT set; the end of the terminal does nothing."""
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return stop


def main(arguments: list[str]) -> int:
    (root,) = arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        supervise(Workspace(Path(root)), stop_flag(), idle_seconds=IDLE_SECONDS)
    except RunError as error:
        log.info("%s", error)
        return BUSY
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
