"""Which files of a workspace belong into an archive of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from medxfer import lock
from medxfer.archiving.catalogue import (
    ACTIVITY,
    COUNT,
    DATASETS,
    OPENINGS,
    RUNS,
    SECRET,
    WEIGHTS,
)
from medxfer.data.info import OWN_FILES, encoded, read_info
from medxfer.data.library import load_manifest
from medxfer.errors import DataError, RunError, WorkspaceError
from medxfer.paths import DatasetPaths, Workspace, check_name
from medxfer.runs.store import load_run

_PASSED_OVER = frozenset({"lock", "reserve", "stop", "queued", "thumbnails"})
"""Marks of what is going on, and pictures that are made again."""


@dataclass(frozen=True)
class Item:
    """A file to be kept in an archive under `path`."""

    path: str
    source: Path
    content: bytes | None = None
    """What is kept instead of what the file holds."""
    size: int = 0
    modified: int = 0
    """Bytes, and time stamp in nanoseconds, of the file as it was found."""

    @property
    def unchanged(self) -> bool:
        """Whether the file still is as it was found; one that is appended to may grow."""
        try:
            now = self.source.stat()
        except OSError:
            return False
        if self.path.endswith((".jsonl", ".log")):
            return now.st_size >= self.size
        return (now.st_size, now.st_mtime_ns) == (self.size, self.modified)


@dataclass
class Contents:
    """The files to be kept, and sentences on what is not among them and what to beware of."""

    items: list[Item] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.size for item in self.items)


def gather(workspace: Workspace, *, images: bool = True, secret: bool = False) -> Contents:
    """Everything the app keeps, as it is now; not the cache, the bin, or what is half made.

    A run that waits or is under way is left out and named. Pictures that were imported from a
    path become files of their data set.
    """
    found = Contents()
    for folder in _folders(workspace.datasets, "data set"):
        _add_dataset(found, workspace, folder.name, images=images)
    for folder in _folders(workspace.runs, "run"):
        if (state := _under_way(workspace, folder.name)) is not None:
            found.left_out.append(
                f"Run {folder.name} was left out: it is {state}. Stop it, or export again when it "
                "has ended."
            )
            continue
        _add_folder(found, folder, f"{RUNS}/{folder.name}")
    for path in sorted(workspace.weights.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            _add(found, f"{WEIGHTS}/{path.name}", path)
    # the count first: a log may be longer than its count, and not shorter
    for name in (OPENINGS, COUNT, ACTIVITY):
        if (workspace.root / name).is_file():
            _add(found, name, workspace.root / name)
    if secret and workspace.secret.is_file():
        _add(found, SECRET, workspace.secret)
        found.cautions.append(
            "The secret that hides patients' ids is in the archive: whoever has it can find out "
            "whether a patient they know is among them. Keep it as you keep patients' data."
        )
    return found


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a data set or run that are kept, each with its path in the folder, in order."""
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder)
        pictures = inside.parts[:1] == (OWN_FILES,)  # whatever their names are
        if not pictures:
            folders[:] = [name for name in folders if name not in _PASSED_OVER]
        folders.sort()
        for name in sorted(names):
            path = Path(place) / name
            passed = name in _PASSED_OVER or name.endswith((".lock", ".tmp"))
            if (pictures or not passed) and path.is_file():
                yield (inside / name).as_posix(), path


def _add_dataset(found: Contents, workspace: Workspace, name: str, *, images: bool) -> None:
    paths = workspace.dataset(name)
    place = f"{DATASETS}/{name}"
    own = dict(files_of(paths.root))
    if not images:
        own = {inside: path for inside, path in own.items() if not inside.startswith("files/")}
    if not images or not _lies_outside(paths):
        for inside, path in own.items():
            _add(found, f"{place}/{inside}", path)
        return
    info = read_info(paths)
    inside_now = encoded(replace(info, root=OWN_FILES))
    for inside, path in own.items():
        content = inside_now if path == paths.info else None
        _add(found, f"{place}/{inside}", path, content)
    try:
        manifest = load_manifest(workspace, name)
    except DataError as error:
        found.left_out.append(f"The pictures of '{name}' were left out. {error}")
        return
    gone = 0
    for file in manifest.table["file"]:
        path = manifest.path(file)
        if path.is_file():
            _add(found, f"{place}/{OWN_FILES}/{file}", path)
        else:
            gone += 1
    if gone:
        found.left_out.append(
            f"{gone:,} of {len(manifest):,} pictures of '{name}' were left out: they are not in "
            f"{info.root} any more."
        )
    found.cautions.append(
        f"The pictures of '{name}' are in the archive as they lie in {info.root}, with whatever "
        "their headers say about patients."
    )


def _add_folder(found: Contents, folder: Path, place: str) -> None:
    for inside, path in files_of(folder):
        _add(found, f"{place}/{inside}", path)


def _add(found: Contents, name: str, path: Path, content: bytes | None = None) -> None:
    now = path.stat()
    found.items.append(Item(name, path, content, now.st_size, now.st_mtime_ns))


def _folders(place: Path, thing: str) -> Iterator[Path]:
    """Folders whose names are ours, in order."""
    for path in sorted(place.iterdir()):
        try:
            check_name(path.name, thing)
        except WorkspaceError:
            continue
        if path.is_dir():
            yield path


def _under_way(workspace: Workspace, run: str) -> str | None:
    """What a run is doing; None if it stands still, also where its folder cannot be read."""
    try:
        state = load_run(workspace, run).summary.state
    except RunError:
        return "running" if lock.is_held(workspace.run(run).lock) else None
    return None if state.ended else str(state)


def _lies_outside(paths: DatasetPaths) -> bool:
    try:
        return read_info(paths).root != OWN_FILES
    except DataError:
        return False
