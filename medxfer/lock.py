"""Whether the process behind something is alive: a lock the kernel frees when it dies.

POSIX record locks (`lockf`) are not inherited by forked children, so a surviving loader process
does not keep a dead run alive; and they do not depend on process ids, which are used again.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from medxfer.errors import MedxferError

_LOOKS = 20
_LOOK_SECONDS = 0.02
_FLOCK = "hhqqi4x"
"""struct flock of Linux on 64 bits: type, whence, start, length, process."""
_held: set[Path] = set()
"""Locks of this very process. Closing any descriptor of a locked file frees a record lock, so a
process must not open its own lock to look at it."""


@contextmanager
def held(path: Path, busy: MedxferError) -> Iterator[None]:
    """Hold the lock of `path`, made if absent, for as long as the block runs.

    Raises:
        MedxferError: `busy`, if the lock is held already.
    """
    path = path.resolve()
    if path in _held:
        raise busy
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    if not _taken(descriptor):
        os.close(descriptor)
        raise busy
    _held.add(path)
    try:
        yield
    finally:
        _held.discard(path)
        os.close(descriptor)


@contextmanager
def waited(path: Path, busy: MedxferError, seconds: float) -> Iterator[None]:
    """As `held`, but waits its turn for so many seconds before it raises `busy`."""
    until = time.monotonic() + seconds
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(held(path, busy))
                break
            except MedxferError:
                if time.monotonic() > until:
                    raise
                time.sleep(_LOOK_SECONDS)
        yield


def is_held(path: Path) -> bool:
    """Whether some living process holds the lock."""
    path = path.resolve()
    if path in _held:
        return True
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:  # none there, or nothing one could lock
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def holder(path: Path) -> int | None:
    """The id of the process that holds the lock now, as the kernel knows it; None if none does."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    path = path.resolve()
    if path in _held:
        return os.getpid()
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        kind, _, _, _, process = struct.unpack(
            _FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
        )
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else process


def _taken(descriptor: int) -> bool:
    """Take the lock; whoever only looks at it holds it for a moment, so ask more than once."""
    for _ in range(_LOOKS):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_LOOK_SECONDS)
        else:
            return True
    return False
