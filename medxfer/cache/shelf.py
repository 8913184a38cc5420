"""Rows of bytes in one file, each written once and found again by its number.

Rows are read by position, not mapped: a file cut short gives an error and no bus error, and what
was read does not count as this process's memory (the system keeps it as long as it has room).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from medxfer.errors import CacheError

Rows = NDArray[np.int64]
Bytes = bytes | memoryview | NDArray[np.uint8]

_PRESENT = 1 << 32
"""Set in a mark beside the CRC-32 of the row; a row never written has the mark 0."""
_CHECKED_AT_ONCE = 256
_MARK = np.dtype("<u8")
BLOCK = 512  # bytes; the unit of st_blocks
_MOST_THREADS = 8


class Shelf:
    """Numbered rows of known sizes in `folder`, all absent at first.

    `put` may be called from several threads, for different rows. A row counts as present for
    other processes, and after a crash, once `commit` has returned; a row whose bytes no longer
    have the checksum they were written with counts as missing.
    """

    def __init__(self, folder: Path, sizes: Sequence[int] | Rows) -> None:
        """Open the shelf, made if absent; `sizes` are bytes a row.

        Raises:
            OSError: the folder cannot be made or opened.
        """
        self.folder = folder
        self.sizes: Rows = np.asarray(sizes, dtype=np.int64)
        self._starts: Rows = np.concatenate([[0], np.cumsum(self.sizes)])
        self._rows = _opened_in_use(folder / "rows")
        self._marks_file = os.open(folder / "marks", os.O_RDWR | os.O_CREAT, 0o644)
        self._good: NDArray[np.bool_] = np.zeros(len(self.sizes), dtype=bool)
        self._new: dict[int, int] = {}
        os.utime(folder)  # the time of last use, which decides what is removed first

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def lock(self) -> Path:
        """Held by whoever writes."""
        return self.folder / "lock"

    def close(self) -> None:
        """Let go of the files; whatever was put and not committed is absent."""
        for descriptor in (self._rows, self._marks_file):
            os.close(descriptor)

    def missing(self, rows: Rows) -> Rows:
        """Those of these rows that are absent or damaged, in order.

        What is present is read once a process to compare its checksum.
        """
        marks = np.zeros(len(self.sizes), dtype=_MARK)
        content = os.pread(self._marks_file, marks.nbytes, 0)
        stored = np.frombuffer(content[: len(content) // _MARK.itemsize * _MARK.itemsize], _MARK)
        marks[: len(stored)] = stored
        unseen = rows[~self._good[rows]]
        written = unseen[marks[unseen] != 0]
        pieces = [
            written[at:][:_CHECKED_AT_ONCE] for at in range(0, len(written), _CHECKED_AT_ONCE)
        ]
        with ThreadPoolExecutor(cores()) as pool:
            verdicts = pool.map(lambda piece: self._whole(piece, marks), pieces)
            for piece, good in zip(pieces, verdicts, strict=True):
                self._good[piece[good]] = True
        return rows[~self._good[rows]]

    def put(self, row: int, content: Bytes) -> None:
        """Write one row whole; ValueError if it is not of the row's size."""
        view = memoryview(content).cast("B")  # type: ignore[arg-type]
        if len(view) != self.sizes[row]:
            raise ValueError(f"row {row} takes {self.sizes[row]} bytes, not {len(view)}")
        mark = _mark(view)
        at, done = int(self._starts[row]), 0
        while done < len(view):
            done += os.pwrite(self._rows, view[done:], at + done)
        self._new[row] = mark

    def commit(self) -> None:
        """Make what was put until now last: first the rows, then the marks that say so."""
        new, self._new = self._new, {}
        if not new:
            return
        os.fdatasync(self._rows)
        for row, mark in new.items():
            os.pwrite(self._marks_file, _MARK.type(mark).tobytes(), row * _MARK.itemsize)
        os.fdatasync(self._marks_file)
        self._good[list(new)] = True

    def read(self, row: int, into: NDArray[np.uint8]) -> None:
        """Fill a flat array of the row's size.

        Raises:
            CacheError: the row is not known to be there and whole, or the file has been cut short.
        """
        if not self._good[row]:
            raise _lost(self.folder)
        self._read(row, into)

    @property
    def taken(self) -> int:
        """Bytes the rows take on the disk now."""
        return os.fstat(self._rows).st_blocks * BLOCK

    def _read(self, row: int, into: NDArray[np.uint8]) -> None:
        view, done = into.data, 0
        while done < len(view):
            got = os.preadv(self._rows, [view[done:]], int(self._starts[row]) + done)
            if not got:
                raise _lost(self.folder)
            done += got

    def _whole(self, rows: Rows, marks: NDArray[np.uint64]) -> NDArray[np.bool_]:
        return np.array([self._mark_on_disk(int(row)) == int(marks[row]) for row in rows], bool)

    def _mark_on_disk(self, row: int) -> int:
        content = np.empty(self.sizes[row], dtype=np.uint8)
        try:
            self._read(row, content)
        except CacheError:
            return 0
        return _mark(content.data)


def cores() -> int:
    """Threads that may share work here: one for each core of this process, few enough that
    pictures being decoded fit in memory together."""
    return min(_MOST_THREADS, len(os.sched_getaffinity(0)))


def in_use(folder: Path) -> bool:
    """Whether some process has the shelf open."""
    with _alone(folder) as alone:
        return not alone


def remove(folder: Path) -> bool:
    """Delete a shelf; False if some process has it open, or the system refuses."""
    with _alone(folder) as alone:
        if alone:
            shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody has the shelf open; if so, nobody can open it within the block."""
    try:
        descriptor = os.open(folder / "rows", os.O_RDWR)
    except OSError:  # nothing is there that could be open
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        alone = False
    try:
        yield alone
    finally:
        os.close(descriptor)


def _opened_in_use(path: Path) -> int:
    """A descriptor of the file, made if absent, that keeps `remove` away while it is open."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # the folder was removed just now
            continue
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)  # it was removed between opening and locking


def _lost(folder: Path) -> CacheError:
    return CacheError(
        f"What was kept in {folder} can no longer be read.",
        "Start again: what is missing is computed anew.",
    )


def _mark(content: memoryview) -> int:
    return _PRESENT | zlib.crc32(content)
