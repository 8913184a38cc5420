"""Pausing a run within seconds, and its last words, told once. Needs no torch.

SIGTERM, SIGINT and the end of the terminal ask for a pause. The run heeds it at its next batch;
if that takes longer than a few seconds the process is ended where it stands, which loses no more
than a kill would: what is on the disk is whole at every moment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event as Flag
from threading import Lock, Thread

from medxfer.events import Cancelled, Event, Failed, Finished, Paused, Started, Stopped
from medxfer.paths import RunPaths
from medxfer.runs import journal

SECONDS = 6.0
"""Until the process of a run that was asked to pause is ended by force; docker waits for ten."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def paused() -> Paused:
    """The last word of a run whose process was asked to end, with the time of now."""
    return Paused(
        reason="system",
        problem="The process of the run was asked to end, by a person or as the computer shut "
        "down.",
        remedy="Press Continue: the run goes on after its last saved epoch.",
    )


class Words:
    """What the process of a run tells: each event a line, and nothing after the last one."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths
        self._lock = Lock()
        self.ended = False

    def __call__(self, event: Event) -> None:
        """Append an event; the run no longer waits once it has started, or ended before that.

        Raises:
            OSError: the disk is full or refuses; the file is as it was.
        """
        with self._lock:
            journal.append(self._paths.events, event)
            last = isinstance(event, Finished | Stopped | Paused | Failed | Cancelled)
            self.ended = self.ended or last
            if last or isinstance(event, Started):
                self._paths.queued.unlink(missing_ok=True)

    def last(self, event: Event) -> None:
        """Tell why the run ends, on a full disk in the space that was reserved for it."""
        self._paths.reserve.unlink(missing_ok=True)
        with suppress(OSError):
            self(event)

    def leave(self, code: int) -> None:
        """Tell that the run is paused, unless it has ended, and end this process at once."""
        self._lock.acquire(timeout=1)  # never given back: nobody else tells anything from here on
        if not self.ended:
            self._paths.reserve.unlink(missing_ok=True)
            with suppress(OSError):
                journal.append(self._paths.events, paused())
                self._paths.queued.unlink(missing_ok=True)
        os._exit(code)


class Pausing:
    """Whether the run was asked to pause."""

    def __init__(self, paths: RunPaths) -> None:
        self.words = Words(paths)
        self.asked = Flag()


@contextmanager
def pausing_on_signals(
    paths: RunPaths, tell: Callable[[], None] = lambda: None, seconds: float = SECONDS
) -> Iterator[Pausing]:
    """Let signals ask the run for a pause within the block, which the main thread runs.

    `tell` is called when it is asked. If the block has not ended `seconds` later, the process ends
    with the code 0, the run paused.
    """
    pausing, over = Pausing(paths), Flag()
    # A handler in Python waits for the batch to end; the byte that is written here does not.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def wait() -> None:
        if os.read(reading, 1) and not over.is_set():
            pausing.asked.set()
            tell()
            if not over.wait(seconds):
                pausing.words.leave(0)

    before = {number: signal.signal(number, _heed) for number in _SIGNALS}
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = Thread(target=wait, daemon=True)
    watcher.start()
    try:
        yield pausing
    finally:
        over.set()
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        watcher.join()
        os.close(reading)


def _heed(*_: object) -> None:
    """Keep a signal from ending the process; the thread that waits for it does the rest."""
