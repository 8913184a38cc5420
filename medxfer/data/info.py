"""What is known of a data set without opening its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from medxfer.data.listing import Kind
from medxfer.data.options import ImportOptions
from medxfer.errors import DataError
from medxfer.files import write_text
from medxfer.paths import DatasetPaths

OWN_FILES = "files"
"""`root` of a data set whose images lie in its own folder, so that a workspace can be moved."""


@dataclass(frozen=True)
class DatasetInfo:
    """One data set in the list.

    `root` is the folder its files are relative to; `patients_known` says whether patient ids
    stand for people; `skipped` counts files left out; `options` are those of the import and of
    the last change of its splits.
    """

    name: str
    kind: Kind
    source: str
    layout: str
    root: str
    created: datetime
    classes: tuple[str, ...]
    images: int
    patients: int
    patients_known: bool
    patient_source: str
    patients_across_splits: tuple[str, ...]
    splits: dict[str, int]
    split_notes: tuple[str, ...]
    warnings: tuple[str, ...]
    split_warnings: tuple[str, ...]
    """Those of `warnings` that a new split can take back."""
    synthetic: bool
    skipped: int
    manifest_hash: str
    split_hash: str
    options: ImportOptions
    corrections: int = 0
    """How many lines of corrections the manifest follows, undone ones and their undoing counted."""
    may_show_names: int = 0
    """Pictures into which names or dates may be burnt."""
    names_looked_at: datetime | None = None
    """When a person confirmed to have looked at all of them."""

    def folder(self, paths: DatasetPaths) -> Path:
        """Where the images lie."""
        return paths.files if self.root == OWN_FILES else Path(self.root)


_ADAPTER = TypeAdapter(DatasetInfo)


def encoded(info: DatasetInfo) -> bytes:
    """What `info.json` holds."""
    return _ADAPTER.dump_json(info, indent=2) + b"\n"


def decoded(content: bytes) -> DatasetInfo:
    """The data set that `encoded` was called on; pydantic.ValidationError if it is none."""
    return _ADAPTER.validate_json(content)


def write_info(paths: DatasetPaths, info: DatasetInfo) -> None:
    write_text(paths.info, encoded(info).decode())


def read_info(paths: DatasetPaths) -> DatasetInfo:
    """Read `info.json`.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return decoded(paths.info.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(
            f"The data set '{paths.root.name}' is damaged: its info.json cannot be read.",
            "Delete it and import it again.",
        ) from error
