"""Entries of a table's file column to files that are there."""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from medxfer.data.listing import Tree

NOWHERE = "The table gives no file name."
GONE = "The table lists it, but it is not there."
OUTSIDE = "It lies outside the folder that was imported."


@dataclass(frozen=True)
class Located:
    """The file found, or "" and why there is none."""

    file: str
    reason: str = ""


@dataclass(frozen=True)
class Locator:
    """Finds what a table means by its entries.

    Paths start at `folder`, the table's own. `absolute` is where the tree lies on disk, so that
    absolute paths into it can be understood. A bare name, with or without suffix, is also found
    anywhere in the tree if it is there once only.
    """

    tree: Tree
    folder: str
    absolute: str

    def find(self, written: str) -> Located:
        entry = written.strip().replace("\\", "/")
        if not entry:
            return Located("", NOWHERE)
        if self.absolute and entry.startswith(self.absolute + "/"):
            path = posixpath.normpath(entry[len(self.absolute) + 1 :])
        else:
            path = posixpath.normpath(posixpath.join(self.folder, entry))
        if path.startswith(("/", "../")) or path == ".." or path[1:2] == ":":
            return Located("", OUTSIDE)
        if path in self._files:
            return Located(path)
        elsewhere = "" if "/" in entry else self._by_name.get(entry, "")
        return Located(elsewhere) if elsewhere else Located("", self.tree.refused.get(path, GONE))

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(self.tree.files)

    @cached_property
    def _by_name(self) -> dict[str, str]:
        paths = [PurePosixPath(file) for file in self.tree.files]
        names = Counter(path.name for path in paths)
        stems = Counter(path.stem for path in paths)
        found = {path.stem: str(path) for path in paths if stems[path.stem] == 1}
        return found | {path.name: str(path) for path in paths if names[path.name] == 1}
