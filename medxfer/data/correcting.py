"""Corrections on disk, and what a data set says of itself after one."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from medxfer.data.arrangement import overlap
from medxfer.data.building import derived_warnings, split_counts
from medxfer.data.concerns import class_concerns
from medxfer.data.corrections import Correction, excluded
from medxfer.data.info import DatasetInfo
from medxfer.data.manifest import Manifest, Split
from medxfer.errors import DataError


def read(path: Path) -> list[Correction]:
    """All corrections of a data set, the earliest first; none if the file is missing.

    A last line without its end was never finished, so it does not count.

    Raises:
        DataError: the file cannot be read, or a line is no correction.
    """
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(path) from error
    try:
        lines = written[: written.rfind(b"\n") + 1].splitlines()
        return [Correction.model_validate_json(line) for line in lines]
    except ValidationError as error:
        raise _unreadable(path) from error


def append(path: Path, corrections: Sequence[Correction]) -> None:
    """Add corrections, a line each, all or none; they last once this returns.

    Raises:
        OSError: the disk is full or refuses; the file is as it was.
    """
    text = "".join(correction.model_dump_json() + "\n" for correction in corrections).encode()
    with path.open("a+b", buffering=0) as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)  # what a crash left of a line
        if file.write(text) != len(text):
            file.truncate(whole)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


def refreshed(
    info: DatasetInfo, before: Manifest, after: Manifest, corrections: int
) -> DatasetInfo:
    """What is known of a data set whose manifest was `before` and is now `after`.

    Counts, hashes and the warnings that come from labels and splits are those of `after`; other
    warnings stay.
    """
    return replace(
        info,
        splits=split_counts(after),
        warnings=_changed(info.warnings, _concerns(before), _concerns(after)),
        split_warnings=_changed(
            info.split_warnings, _split_warnings(before), _split_warnings(after)
        ),
        patients_across_splits=_across(info, after),
        manifest_hash=after.content_hash,
        split_hash=after.split_hash,
        corrections=corrections,
    )


def _changed(
    said: tuple[str, ...], stale: tuple[str, ...], fresh: tuple[str, ...]
) -> tuple[str, ...]:
    return (*(text for text in said if text not in stale), *fresh)


def _concerns(manifest: Manifest) -> tuple[str, ...]:
    table = manifest.table[~excluded(manifest)]
    return class_concerns(table["label"], table["patient"])


def _split_warnings(manifest: Manifest) -> tuple[str, ...]:
    _, words = overlap(*_used(manifest))
    return (*([words] if words else []), *derived_warnings(manifest))


def _across(info: DatasetInfo, manifest: Manifest) -> tuple[str, ...]:
    """Patients on both sides; once set aside, they are what the source had on both sides."""
    if info.options.set_aside_overlap:
        return info.patients_across_splits
    return overlap(*_used(manifest))[0]


def _used(manifest: Manifest) -> tuple[pd.Series[str], pd.Series[str]]:
    table = manifest.table[manifest.table["split"] != str(Split.EXCLUDED)]
    return table["patient"], table["split"]


def _unreadable(path: Path) -> DataError:
    return DataError(
        f"The corrections of the data set '{path.parent.name}' cannot be read: {path.name} is "
        "damaged, or was written by a newer version of medxfer.",
        "Mend or remove its last line; the lines before it stay in force.",
    )
