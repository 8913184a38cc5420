"""Whether what lies in a workspace is what an archive holds under the same name."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from medxfer.archiving.catalogue import DATASETS, WEIGHTS, Entry, Thing
from medxfer.archiving.contents import files_of
from medxfer.data.info import DatasetInfo, decoded, read_info
from medxfer.errors import DataError
from medxfer.files import sha256_of
from medxfer.paths import Workspace


def place_of(workspace: Workspace, thing: Thing) -> Path:
    """Where a data set, run or weights file lies, or would."""
    return workspace.root / thing.kind / thing.name


def is_same(
    workspace: Workspace, packed: zipfile.ZipFile, thing: Thing, entries: Sequence[Entry]
) -> bool:
    """Whether the thing here has the content of that in the archive.

    Data sets are the same if their images, labels, patients, splits and corrections are; where
    their pictures lie does not matter. Of all else, every file is compared.
    """
    place = place_of(workspace, thing)
    if thing.kind == WEIGHTS:
        return place.is_file() and sha256_of(place) == entries[0].sha256
    if thing.kind == DATASETS:
        theirs = _info(packed, f"{DATASETS}/{thing.name}/info.json")
        if theirs is not None:
            try:
                return _facts(read_info(workspace.dataset(thing.name))) == _facts(theirs)
            except DataError:
                return False
    prefix = f"{thing.kind}/{thing.name}/"
    there = {entry.path.removeprefix(prefix): entry.sha256 for entry in entries}
    here = dict(files_of(place))
    return there.keys() == here.keys() and all(
        sha256_of(path) == there[inside] for inside, path in here.items()
    )


def _info(packed: zipfile.ZipFile, name: str) -> DatasetInfo | None:
    try:
        return decoded(packed.read(name))
    except (KeyError, ValidationError):
        return None


def _facts(info: DatasetInfo) -> tuple[str, str, int, tuple[str, ...]]:
    return info.manifest_hash, info.split_hash, info.corrections, info.classes
