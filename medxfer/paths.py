"""Where everything in a workspace lies.

A workspace is one folder. Nothing outside it is written; images imported from a server path
stay where they are and are only read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from medxfer.errors import WorkspaceError

HOME_VARIABLE = "MEDXFER_HOME"
_NAME = re.compile(r"[\w][\w .()+-]{0,79}")


def check_name(name: str, thing: str) -> str:
    """The name itself, if it is safe as a folder name; WorkspaceError otherwise."""
    if not _NAME.fullmatch(name) or name != name.strip() or name.endswith("."):
        raise WorkspaceError(
            f"'{name}' cannot be used as the name of a {thing}.",
            "Use 1 to 80 letters, digits, spaces or . _ - + ( ), starting with a letter or digit.",
        )
    return name


@dataclass(frozen=True)
class DatasetPaths:
    """The files of one data set."""

    root: Path

    @property
    def info(self) -> Path:
        return self.root / "info.json"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.parquet"

    @property
    def splits(self) -> Path:
        return self.root / "splits.csv"

    @property
    def skipped(self) -> Path:
        return self.root / "skipped.csv"

    @property
    def files(self) -> Path:
        """Unpacked or generated images; absent when the source stays where it was."""
        return self.root / "files"

    @property
    def thumbnails(self) -> Path:
        return self.root / "thumbnails"


@dataclass(frozen=True)
class RunPaths:
    """The files of one run."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the process that executes the run, as long as it lives."""
        return self.root / "lock"

    @property
    def reserve(self) -> Path:
        """A little disk space that a failing run gives up for its last event."""
        return self.root / "reserve"

    @property
    def stop_request(self) -> Path:
        return self.root / "stop"

    @property
    def log(self) -> Path:
        return self.root / "worker.log"

    @property
    def checkpoints(self) -> Path:
        """Weights of the best epoch, and the record that names them."""
        return self.root / "checkpoints"

    def predictions(self, split: str) -> Path:
        return self.root / "predictions" / f"{split}.parquet"


@dataclass(frozen=True)
class Workspace:
    """The folder that holds data sets, runs, weights and the index."""

    root: Path

    @classmethod
    def find(cls, explicit: Path | None = None) -> Workspace:
        """The workspace named, else `MEDXFER_HOME`, else `~/.medxfer`; made if absent.

        Raises:
            WorkspaceError: the folder cannot be made or written.
        """
        chosen = explicit or Path(os.environ.get(HOME_VARIABLE) or "~/.medxfer")
        root = chosen.expanduser().absolute()
        try:
            for folder in ("datasets", "runs", "weights", "cache", "staging"):
                (root / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"The workspace folder {root} cannot be used: {error.strerror}.",
                f"Choose another with --workspace or {HOME_VARIABLE}, or mend its permissions.",
            ) from error
        if not os.access(root, os.W_OK):
            raise WorkspaceError(
                f"The workspace folder {root} is read-only for you.",
                f"Choose another with --workspace or {HOME_VARIABLE}, or mend its permissions.",
            )
        return cls(root)

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def weights(self) -> Path:
        return self.root / "weights"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def staging(self) -> Path:
        """Half-made things; each is renamed into place once, whole."""
        return self.root / "staging"

    @property
    def index(self) -> Path:
        return self.root / "index.sqlite"

    def dataset(self, name: str) -> DatasetPaths:
        return DatasetPaths(self.datasets / check_name(name, "data set"))

    def run(self, run: str) -> RunPaths:
        return RunPaths(self.runs / check_name(run, "run"))
