"""Half-made data sets: each is built aside and renamed into place once, whole."""

from __future__ import annotations

import errno
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medxfer.errors import DataError, WorkspaceError
from medxfer.lock import held, is_held
from medxfer.paths import DatasetPaths, Workspace

_PREFIX = "dataset-"
JOB_PREFIX = "import-"
DELETED_PREFIX = "deleted-"
_KEPT_SECONDS = 24 * 3600
"""How long a finished or lost import job can still be looked at."""


@contextmanager
def staged(workspace: Workspace, name: str) -> Iterator[DatasetPaths]:
    """A folder to build the data set `name` in; it takes its place when the block ends well.

    Raises:
        DataError: the name is taken, now or by the time the block ends.
        WorkspaceError: something cannot be written, as on a full disk.
    """
    target = workspace.dataset(name).root
    if target.exists():
        raise _taken(name)
    with writing(workspace, name), aside(workspace) as folder:
        yield DatasetPaths(folder)
        try:
            folder.rename(target)
        except OSError as error:
            if target.exists():
                raise _taken(name) from error
            raise


@contextmanager
def aside(workspace: Workspace) -> Iterator[Path]:
    """An empty folder in staging to build something in; what is still there at the end goes.

    What a process that died left of it is removed by `clear_abandoned`.
    """
    folder = workspace.staging / f"{_PREFIX}{uuid.uuid4().hex}"
    lock = folder.with_suffix(".lock")
    with held(lock, WorkspaceError(f"{folder.name} is in use.", "Try again.")):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


@contextmanager
def writing(workspace: Workspace, name: str) -> Iterator[None]:
    """Turns faults of the disk into a sentence; `name` is the data set that is written.

    Raises:
        WorkspaceError: the disk is full, or cannot be written.
    """
    try:
        yield
    except BrokenPipeError:  # of the terminal that progress was shown on
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else error.strerror or str(error)
        remedy = "Free some space on it" if full else "Check that you may write there"
        raise WorkspaceError(
            f"The data set '{name}' could not be written to {workspace.root}: {why}.",
            f"{remedy}, or choose another workspace folder.",
        ) from error


def clear_abandoned(workspace: Workspace) -> int:
    """Remove what imports that died left in staging, and old import jobs; say how many."""
    removed = 0
    for entry in sorted(workspace.staging.glob(f"{_PREFIX}*")):
        if is_held(entry.with_suffix(".lock")):
            continue
        removed += entry.is_dir()
        discard(entry)
    for doomed in workspace.staging.glob(f"{DELETED_PREFIX}*"):
        removed += 1
        discard(doomed)
    for job in workspace.staging.glob(f"{JOB_PREFIX}*"):
        with suppress(FileNotFoundError):
            old = time.time() - job.stat().st_mtime > _KEPT_SECONDS
            if old and not is_held(job / "lock"):
                removed += 1
                discard(job)
    return removed


def discard(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _taken(name: str) -> DataError:
    return DataError(
        f"There is already a data set called '{name}'. Nothing was changed.",
        "Choose another name, or delete the old one first.",
    )
