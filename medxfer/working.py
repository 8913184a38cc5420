"""Long work in steps: a generator that yields how far it is and returns what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

Step = TypeVar("Step")
Other = TypeVar("Other")
Result = TypeVar("Result")


def ended(
    work: Generator[Step, None, Result], each: Callable[[Step], object] = lambda _: None
) -> Result:
    """What the work comes to; `each` is told every step, and may raise to end it."""
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                result: Result = end.value
                return result
            each(step)


def told_as(
    work: Generator[Step, None, Result], words: Callable[[Step], Other]
) -> Generator[Other, None, Result]:
    """The same work with its steps in other words."""
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                result: Result = end.value
                return result
            yield words(step)
