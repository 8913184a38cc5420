"""A lock that says whether a process is alive; it ends with the process, however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold the lock of `path`, made if absent; wait if another process has it.

    `lockf` and not `flock`: a forked child does not keep it. One process must not open the
    file a second time meanwhile, since closing it would let go of the lock.
    """
    with path.open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def is_held(path: Path) -> bool:
    """Whether another living process holds the lock of `path`."""
    try:
        with path.open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
