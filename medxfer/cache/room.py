"""The folder of all shelves: opening by key, and keeping their size under a cap."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from medxfer.cache.shelf import BLOCK, Rows, Shelf, in_use, remove
from medxfer.errors import ConfigError
from medxfer.files import write_json

Kind = Literal["pixels", "features"]
KINDS: tuple[Kind, ...] = ("pixels", "features")

CAP_VARIABLE = "MEDXFER_CACHE_GB"
_CAP_BYTES = 50e9
_SHARE_OF_FREE = 0.5
_GIGABYTE = 1e9


@dataclass(frozen=True)
class Kept:
    """One shelf as a person sees it; `bytes` are those it takes on the disk."""

    kind: Kind
    key: str
    words: str
    bytes: int
    used: datetime


@dataclass(frozen=True)
class CacheRoom:
    """Where shelves of pixels and features stand."""

    root: Path

    def shelf(self, kind: Kind, key: str, sizes: Sequence[int] | Rows, words: str) -> Shelf:
        """The shelf of this key, made if absent; `words` tell a person what is on it."""
        shelf = Shelf(self.root / kind / key, sizes)
        about = shelf.folder / "about.json"
        if not about.exists():
            write_json(about, {"words": words})
        return shelf

    def kept(self) -> list[Kept]:
        """Every shelf, the one used last first."""
        found = [_kept(kind, folder) for kind in KINDS for folder in (self.root / kind).glob("*")]
        return sorted((kept for kept in found if kept), key=lambda kept: kept.used, reverse=True)

    def remove(self, kept: Kept) -> bool:
        """Delete one shelf; False if some process has it open."""
        return remove(self.root / kept.kind / kept.key)

    def forget(self, beginning: str) -> None:
        """Delete every shelf whose key begins so, unless a process has it open."""
        for kept in self.kept():
            if kept.key.startswith(beginning):
                self.remove(kept)

    def make_room(self, needed: int) -> None:
        """Remove what was used longest ago until there is room for `needed` more bytes.

        Shelves in use stay, so the cap may be exceeded by what runs need at the same time.
        """
        if not needed:
            return
        shelves = self.kept()
        taken = sum(kept.bytes for kept in shelves)
        while shelves and needed > min(_wanted() - taken, self._free() * _SHARE_OF_FREE):
            oldest = shelves.pop()
            if self.remove(oldest):
                taken -= oldest.bytes

    def spare(self) -> int:
        """Bytes a run may fill: what is free and what could be removed, within the cap."""
        idle = used = 0
        for kept in self.kept():
            if in_use(self.root / kept.kind / kept.key):
                used += kept.bytes
            else:
                idle += kept.bytes
        return max(0, int(min(_wanted() - used, idle + self._free() * _SHARE_OF_FREE)))

    def cap(self) -> int:
        """Bytes the shelves may take together.

        `MEDXFER_CACHE_GB`, else 50 GB; never more than they take now and half of the free disk.

        Raises:
            ConfigError: the variable is no number of gigabytes.
        """
        taken = sum(kept.bytes for kept in self.kept())
        return int(min(_wanted(), taken + self._free() * _SHARE_OF_FREE))

    def _free(self) -> int:
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free


def _wanted() -> float:
    text = os.environ.get(CAP_VARIABLE, "")
    if not text:
        return _CAP_BYTES
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1
    if not 0 <= gigabytes < float("inf"):
        raise ConfigError(
            f"{CAP_VARIABLE} is '{text}', which is no number of gigabytes.",
            "Set it to a number such as 20, or leave it out.",
        )
    return gigabytes * _GIGABYTE


def _kept(kind: Kind, folder: Path) -> Kept | None:
    """What stands in a folder; None if it has gone meanwhile."""
    try:
        size = sum(file.stat().st_blocks * BLOCK for file in folder.iterdir())
        used = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        words = str(_json(folder / "about.json").get("words", ""))
    except OSError:
        return None
    return Kept(kind, folder.name, words, size, used)


def _json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
