"""Making what a shelf lacks: in threads, once for all processes, going on where it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from medxfer import lock
from medxfer.cache.shelf import Bytes, Rows, Shelf, cores
from medxfer.errors import MedxferError

Make = Callable[[Rows], Iterable[tuple[int, Bytes]]]
"""From some row numbers to those rows' contents; called in threads."""

_BETWEEN_COMMITS = 5.0  # seconds: what a kill may cost
_BETWEEN_LOOKS = 0.2  # seconds
_AHEAD = 2
"""Pieces waiting for each thread: enough to keep it busy, few enough to hold in memory."""


class _BusyError(MedxferError):
    """Another process is filling the shelf."""


def fill(
    shelf: Shelf, rows: Rows, make: Make, piece: int, threads: int | None = None
) -> Generator[tuple[int, int], None, None]:
    """Put every missing one of these rows on the shelf; yields (done, total) of the missing.

    `make` is given `piece` rows at a time, fewer at the end. While another process fills the same
    shelf this one waits, yielding what is there already, and takes over if the other dies. Closing
    the generator stops the work; what was made is kept.

    Raises:
        OSError: the disk refused.
        Exception: whatever `make` raises.
    """
    total = len(missing := shelf.missing(rows))
    while len(missing):
        yield total - len(missing), total
        try:
            with lock.held(shelf.lock, _BusyError("")):
                missing = shelf.missing(rows)
                before = total - len(missing)
                for done in _made(shelf, missing, make, piece, threads or cores()):
                    yield before + done, total
                return
        except _BusyError:
            time.sleep(_BETWEEN_LOOKS)
            missing = shelf.missing(rows)


def _made(
    shelf: Shelf, rows: Rows, make: Make, piece: int, threads: int
) -> Generator[int, None, None]:
    pieces = iter([rows[at : at + piece] for at in range(0, len(rows), piece)])
    done, committed = 0, time.monotonic()

    def put(part: Rows) -> int:
        for row, content in make(part):
            shelf.put(row, content)
        return len(part)

    pool = ThreadPoolExecutor(threads)
    try:
        running: set[Future[int]] = set()
        while True:
            for part in pieces:
                running.add(pool.submit(put, part))
                if len(running) == threads * _AHEAD:
                    break
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            done += sum(future.result() for future in ended)
            if time.monotonic() - committed > _BETWEEN_COMMITS:
                shelf.commit()
                committed = time.monotonic()
            yield done
    finally:
        pool.shutdown(cancel_futures=True)
        shelf.commit()
