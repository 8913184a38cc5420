"""What an archive of a workspace holds, as its own catalogue tells it."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from pydantic import Field, ValidationError

from medxfer.config import Settings
from medxfer.data.archive import Limits
from medxfer.errors import ArchiveError, WorkspaceError
from medxfer.paths import check_name

SCHEMA = 1
NAME = "medxfer.json"
"""The entry that holds the catalogue; the last one to be written."""
LIMITS = Limits(entries=2_000_000, total=4 * 2**40, file=64 * 2**30, twins=True)
"""Of an archive of medxfer's own, whose entries are stored as they are: it cannot unpack to more
than it takes."""
DATASETS, RUNS, WEIGHTS = "datasets", "runs", "weights"
OPENINGS, SECRET = "openings.jsonl", "secret"
ACTIVITY, COUNT = "activity.jsonl", "activity.count"
"""The log of who did what, and the count that shows whether its end is missing."""
_FOLDERS = {DATASETS: "data set", RUNS: "run"}
_SINGLE = {OPENINGS, ACTIVITY, COUNT, SECRET}
_LARGEST = 1 << 30
"""Bytes of a catalogue: several million files."""


class Thing(NamedTuple):
    """What is taken in whole or not at all: a data set, a run, a weights file, one of the rest."""

    kind: str
    """The folder of the workspace it lies in; "" for a file of the workspace itself."""
    name: str


class Entry(Settings):
    """One file: where it lies in a workspace, and what it holds."""

    path: str
    sha256: str
    bytes: int
    modified: int
    """Time stamp of the file in nanoseconds."""

    @property
    def thing(self) -> Thing:
        """What the file is a part of; WorkspaceError if no workspace has a file of this name."""
        if self.path in _SINGLE:
            return Thing("", self.path)
        kind, _, rest = self.path.partition("/")
        name, _, inside = rest.partition("/")
        if kind in _FOLDERS and inside:
            return Thing(kind, check_name(name, _FOLDERS[kind]))
        if kind == WEIGHTS and name and not inside:
            return Thing(kind, name)
        raise WorkspaceError(f"'{self.path}' is not a file that a workspace has.")


class Catalogue(Settings):
    """What `medxfer.json` of an archive holds."""

    schema_version: int = Field(default=SCHEMA, le=SCHEMA)
    medxfer: str
    created: datetime
    images: bool
    """Whether the pictures of the data sets are in it."""
    left_out: tuple[str, ...]
    """What was not exported and why, in sentences."""
    entries: tuple[Entry, ...]

    def things(self) -> dict[Thing, list[Entry]]:
        """The files of each thing."""
        found: dict[Thing, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            found[entry.thing].append(entry)
        return dict(found)


def read(archive: zipfile.ZipFile, name: str) -> Catalogue:
    """The catalogue of an archive, which names exactly the files that the archive holds.

    Raises:
        ArchiveError: there is none, it is damaged or of a newer version, or it names others.
    """
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    if sizes.get(NAME, _LARGEST) >= _LARGEST:
        raise ArchiveError(
            f"{name} is not an archive that 'medxfer workspace export' made.",
            "To import pictures from a ZIP file: medxfer data import",
        )
    try:
        catalogue = Catalogue.model_validate_json(archive.read(NAME))
        catalogue.things()
    except (ValidationError, zipfile.BadZipFile, WorkspaceError) as error:
        raise ArchiveError(
            f"{name} was refused: its catalogue is damaged, or was written by a newer version of "
            "medxfer.",
            "Export it again, or use the version of medxfer that made it.",
        ) from error
    del sizes[NAME]
    if sizes != {entry.path: entry.bytes for entry in catalogue.entries}:
        raise ArchiveError(
            f"{name} was refused: its files are not those that its catalogue names.",
            "Export it again.",
        )
    return catalogue
