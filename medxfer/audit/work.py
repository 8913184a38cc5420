"""Long work in steps: told while it goes on, and ended when someone asks."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from medxfer.events import Tell
from medxfer.job import Stopped
from medxfer.working import ended

Result = TypeVar("Result")
Working = Generator[tuple[int, int], None, Result]
"""Yields (done, total) while it works and returns its result."""


class Work:
    """Drives what yields its progress, tells it, and ends it when asked to."""

    def __init__(self, tell: Tell, should_stop: Callable[[], bool]) -> None:
        self._tell = tell
        self._should_stop = should_stop

    def check(self) -> None:
        if self._should_stop():
            raise Stopped

    def ticking(self, step: str) -> Callable[[int, int], None]:
        def tick(done: int, total: int) -> None:
            self.check()
            self._tell(step, done, total)

        return tick

    def drive(self, step: str, working: Working[Result]) -> Result:
        tick = self.ticking(step)
        self.check()
        return ended(working, lambda at: tick(*at))
