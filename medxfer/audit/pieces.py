"""Working through a list piece by piece in threads, in order, with few pieces in memory at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from medxfer.cache.shelf import cores

Piece = TypeVar("Piece")
Made = TypeVar("Made")

_AHEAD = 2
"""Pieces begun for each thread: enough to keep it busy, few enough to hold in memory."""


def made_in_order(
    make: Callable[[Piece], Made], pieces: Iterable[Piece]
) -> Generator[Made, None, None]:
    """What `make` gives for each piece, in their order; it is called in threads.

    Closing the generator ends the work after the pieces that have begun.

    Raises:
        Exception: whatever `make` raises.
    """
    threads = cores()
    pool = ThreadPoolExecutor(threads)
    begun: deque[Future[Made]] = deque()
    try:
        for piece in pieces:
            begun.append(pool.submit(make, piece))
            if len(begun) == threads * _AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
