"""What a measured fit gives, and the memory it took."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

import psutil


@dataclass(frozen=True)
class Outcome:
    """What an engine did with one network, one data set and one set of settings."""

    seconds: list[float]
    """Wall-clock seconds of each epoch, training and validation together. Time in which the
    process was stopped from outside counts."""
    elapsed: list[float]
    """Wall-clock seconds from the beginning to the end of each epoch, preparation included."""
    auroc: list[float | None]
    """On the validation part, by epoch."""
    best_epoch: int | None
    """From 1; the epoch the network is left at."""
    test_auroc: float | None
    """Of the best epoch."""
    peak_memory: int
    """Bytes resident in this process and its children at most, shared pages counted once."""
    images_per_second: float
    """Training pictures a second of whole epochs, validation included in the time."""


class PeakMemory:
    """The most memory this process and its children held while the block ran.

    Looked at every `_EVERY` seconds by a thread, so that a short peak may be missed.
    """

    _EVERY = 0.5

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self.bytes = held()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        self.bytes = max(self.bytes, held())

    def _watch(self) -> None:
        while not self._done.wait(self._EVERY):
            self.bytes = max(self.bytes, held())


def held() -> int:
    """Bytes resident in this process and its children now.

    Proportional set sizes: a page that n processes share counts as 1 / n in each, so their sum
    is what the machine gives up.
    """
    this = psutil.Process()
    total = 0
    for process in [this, *this.children(recursive=True)]:
        with suppress(psutil.Error):  # a child that ended meanwhile holds nothing
            total += int(process.memory_full_info().pss)
    return total


class Child:
    """`python -m MODULE --one SIZE` in a process of its own, so that its peak memory is its own.

    It prints one line of JSON when it is ready, and one for each line it is sent.
    """

    def __init__(self, module: str, size: int) -> None:
        command = [sys.executable, "-m", module, "--one", str(size)]
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def answer(self) -> dict[str, float]:
        """The next line it prints.

        Raises:
            ValueError: it ended instead.
        """
        found: dict[str, float] = json.loads(self._process.stdout.readline())  # type: ignore[union-attr]
        return found

    def ask(self) -> dict[str, float]:
        """Send a line; raises as `answer`."""
        print(file=self._process.stdin, flush=True)
        return self.answer()

    def end(self) -> None:
        """Send nothing more, and wait until it has ended."""
        self._process.communicate()


def alone(module: str, size: int) -> dict[str, float]:
    """What a `Child` says when it is ready."""
    with Child(module, size) as child:
        return child.answer()
