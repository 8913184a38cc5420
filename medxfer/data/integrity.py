"""Noticing that a file is not what was imported."""

from __future__ import annotations

from pathlib import Path

from medxfer.data.manifest import Manifest
from medxfer.errors import DataError

_NAMED = 3
"""File names quoted in a message; the rest are counted."""


def changed_files(manifest: Manifest) -> list[str]:
    """Entries of `file` that are gone, or whose size or time stamp is no longer that of the import.

    One `stat` a file: contents with the same size and time stamp are taken to be the same.
    """
    table = manifest.table
    stamps = zip(table["file"], table["bytes"], table["modified"], strict=True)
    return [file for file, size, when in stamps if _changed(manifest.path(file), size, when)]


def check_unchanged(manifest: Manifest) -> None:
    """Raise DataError naming the first files that changed or vanished since the import."""
    changed = changed_files(manifest)
    if not changed:
        return
    named = ", ".join(changed[:_NAMED]) + (", …" if len(changed) > _NAMED else "")
    raise DataError(
        f"{len(changed)} of {len(manifest)} files changed or vanished since the import: {named}.",
        "Put the old files back, or import the data set again.",
    )


def _changed(path: Path, size: int, modified: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return True
    return found.st_size != size or found.st_mtime_ns != modified
