"""Noticing that a file is not what was imported."""

from __future__ import annotations

import hashlib
from pathlib import Path

from medxfer.data.manifest import Manifest
from medxfer.errors import DataError
from medxfer.files import sha256_of

_NAMED = 3
"""File names quoted in a message; the rest are counted."""


def changed_files(manifest: Manifest) -> list[str]:
    """Entries of `file` that are gone, or no longer hold what was imported.

    One `stat` a file: the same size and time stamp are taken to mean the same content. A file with
    another time stamp (a copy, a restored backup) is hashed.
    """
    rows = manifest.table[["file", "bytes", "modified", "sha256"]]
    return [
        file
        for file, size, modified, sha256 in rows.itertuples(index=False, name=None)
        if _changed(manifest.path(file), size, modified, sha256)
    ]


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


def read_unchanged(path: Path, sha256: str) -> bytes:
    """The bytes of an image, if they are those that were imported.

    Raises:
        DataError: the file changed or vanished since the import.
    """
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(
            f"{path.name} changed or vanished since the import.",
            "Put the old file back, or import the data set again.",
        )
    return content


def _changed(path: Path, size: int, modified: int, sha256: str) -> bool:
    try:
        found = path.stat()
        if found.st_size == size and found.st_mtime_ns != modified:
            return sha256_of(path) != sha256
    except OSError:
        return True
    return found.st_size != size
