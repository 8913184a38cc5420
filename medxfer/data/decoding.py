"""Opening every image once: what it is, or why it cannot be used."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medxfer.data.listing import SkippedFile
from medxfer.data.readers import read_bytes, read_picture_bytes
from medxfer.errors import ImageError

Progress = Callable[[int, int], None]

SMALL = 32
"""A shorter side, in pixels, below which there is little to see."""
_THREADS = 8
_NAMED = 3


@dataclass(frozen=True)
class Facts:
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


def examine(
    root: Path, files: Sequence[str], progress: Progress | None = None
) -> tuple[pd.DataFrame, tuple[SkippedFile, ...], tuple[str, ...]]:
    """Decode every file; give the facts of the usable ones, the others with reasons, warnings.

    Threads share the work (the decoders let go of Python's lock); each holds one picture at a
    time. `progress` is called with (done, total) and may raise to end the work.
    """
    facts: list[Facts] = []
    skipped: list[SkippedFile] = []
    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1))
    try:
        outcomes = pool.map(lambda file: _examine(root, file), files)
        for done, outcome in enumerate(outcomes, start=1):
            if isinstance(outcome, Facts):
                facts.append(outcome)
            else:
                skipped.append(outcome)
            if progress:
                progress(done, len(files))
    finally:
        pool.shutdown(cancel_futures=True)
    table = pd.DataFrame(facts, columns=list(Facts.__dataclass_fields__))
    return table.drop(columns="blank"), tuple(skipped), _oddities(table)


def _examine(root: Path, file: str) -> Facts | SkippedFile:
    path = root / file
    try:
        data = read_bytes(path)
        picture = read_picture_bytes(data, path.name)
        modified = path.stat().st_mtime_ns
    except ImageError as error:
        return SkippedFile(file, str(error))
    height, width, _ = picture.pixels.shape
    return Facts(
        file=file,
        width=width,
        height=height,
        mode=picture.mode,
        format=picture.format,
        bytes=len(data),
        modified=modified,
        sha256=hashlib.sha256(data).hexdigest(),
        blank=bool((picture.pixels == picture.pixels[0, 0]).all()),
    )


def _oddities(table: pd.DataFrame) -> tuple[str, ...]:
    small = table["file"][table[["width", "height"]].min(axis=1) < SMALL]
    blank = table["file"][table["blank"].astype(bool)]
    return (
        *_count(small, f"are smaller than {SMALL} pixels"),
        *_count(blank, "have one single value everywhere"),
    )


def _count(files: pd.Series[str], words: str) -> tuple[str, ...]:
    if files.empty:
        return ()
    named = ", ".join(files[:_NAMED]) + (", …" if len(files) > _NAMED else "")
    return (f"{len(files):,} pictures {words}: {named}.",)
