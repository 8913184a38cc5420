"""Opening every image once: what it is, or why it cannot be used."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medxfer.data import quarantine
from medxfer.data.concerns import dicom_concerns
from medxfer.data.listing import SkippedFile
from medxfer.data.picture import Origin
from medxfer.data.pseudonyms import pseudonym
from medxfer.data.readers import read_bytes
from medxfer.errors import ImageError

Progress = Callable[[int, int], None]

SMALL = 32
"""A shorter side, in pixels, below which there is little to see."""
_THREADS = 8
_NAMED = 3
_COLUMNS = ("file", "width", "height", "mode", "format", "bytes", "modified", "sha256")


@dataclass(frozen=True)
class Found:
    """What decoding a file in full found; sizes are in pixels as shown, `modified` in ns."""

    file: str
    width: int
    height: int
    mode: str
    format: str
    bytes: int
    modified: int
    sha256: str
    blank: bool
    """All pixels have one value."""
    frames: int
    pixels_sha256: str
    origin: Origin | None


@dataclass(frozen=True)
class Examined:
    """All files of a source that were decoded.

    `facts` has one row a usable file, with the columns that every manifest has; `tags` the
    technical DICOM tags by file, with the columns that any file has; `patients` ids by file, ""
    where a file names nobody; `lettered` the files that may have names burnt into them.
    """

    facts: pd.DataFrame
    tags: pd.DataFrame
    patients: pd.Series[str]
    lettered: frozenset[str]
    skipped: tuple[SkippedFile, ...]
    oddities: tuple[str, ...]


def examine(
    root: Path,
    files: Sequence[str],
    secret: bytes,
    progress: Progress | None = None,
    *,
    strip: bool = False,
) -> Examined:
    """Decode every file; give the facts of the usable ones, the others with reasons, warnings.

    With `strip` each DICOM or NIfTI file is replaced by its picture and technical tags. Patients
    become keyed hashes by `secret`. Threads share the work, each with a child process that decodes;
    `progress` is called with (done, total) and may raise to end the work.
    """
    found: list[Found] = []
    skipped: list[SkippedFile] = []
    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1))
    try:
        outcomes = pool.map(lambda file: _examine(root, file, strip=strip), files)
        for done, outcome in enumerate(outcomes, start=1):
            if isinstance(outcome, Found):
                found.append(outcome)
            else:
                skipped.append(outcome)
            if progress:
                progress(done, len(files))
    finally:
        pool.shutdown(cancel_futures=True)
    return _summed_up(found, skipped, secret)


def _examine(root: Path, file: str, *, strip: bool) -> Found | SkippedFile:
    path = root / file
    try:
        data = read_bytes(path)
        facts, stripped = quarantine.examined(data, path.name, strip=strip)
        if stripped:
            path.write_bytes(stripped)
            data = stripped
        modified = path.stat().st_mtime_ns
    except ImageError as error:
        return SkippedFile(file, str(error))
    return Found(
        file=file,
        width=facts.width,
        height=facts.height,
        mode=facts.mode,
        format=facts.format,
        bytes=len(data),
        modified=modified,
        sha256=hashlib.sha256(data).hexdigest(),
        blank=facts.blank,
        frames=facts.frames,
        pixels_sha256=facts.pixels_sha256,
        origin=facts.origin,
    )


def _summed_up(found: list[Found], skipped: list[SkippedFile], secret: bytes) -> Examined:
    table = pd.DataFrame(found, columns=list(Found.__dataclass_fields__))
    origins = {each.file: each.origin for each in found if each.origin is not None}
    patients = {
        file: pseudonym(secret, "patient", origin.patient) for file, origin in origins.items()
    }
    dicom = pd.DataFrame(
        {
            "patient": patients,
            "instance": {file: origin.instance for file, origin in origins.items()},
            "pixels": {each.file: each.pixels_sha256 for each in found if each.origin},
            "frames": {each.file: each.frames for each in found if each.origin},
            "may show names": {file: origin.may_show_names for file, origin in origins.items()},
            "preamble": {file: origin.preamble for file, origin in origins.items()},
        }
    )
    tags = pd.DataFrame.from_dict(
        {file: _tags(origin, secret) for file, origin in origins.items()}, orient="index"
    )
    return Examined(
        table[list(_COLUMNS)],
        tags.astype("str").where(tags.notna(), ""),
        pd.Series([patients.get(file, "") for file in table["file"]], table["file"], dtype="str"),
        frozenset(file for file, origin in origins.items() if origin.may_show_names),
        tuple(skipped),
        (*_oddities(table), *dicom_concerns(dicom)),
    )


def _tags(origin: Origin, secret: bytes) -> dict[str, str]:
    """Its technical tags; the model by a code, for its name is free text."""
    code = pseudonym(secret, "model", origin.model)
    maker = origin.tags.get("Manufacturer", "unknown maker")
    return origin.tags | ({"ManufacturerModelName": f"{maker} {code[:6]}"} if code else {})


def _oddities(table: pd.DataFrame) -> tuple[str, ...]:
    small = table["file"][table[["width", "height"]].min(axis=1) < SMALL]
    blank = table["file"][table["blank"].astype(bool)]
    volumes = table["file"][(table["format"] == "NIfTI") & (table["frames"] > 1)]
    return (
        *_count(small, f"pictures are smaller than {SMALL} pixels"),
        *_count(blank, "pictures have one single value everywhere"),
        *_count(
            volumes,
            "NIfTI files hold several slices each; the middle one of each is used. Check that "
            "their labels are true of it",
        ),
    )


def _count(files: pd.Series[str], words: str) -> tuple[str, ...]:
    if files.empty:
        return ()
    named = ", ".join(files[:_NAMED]) + (", …" if len(files) > _NAMED else "")
    return (f"{len(files):,} {words}: {named}.",)
