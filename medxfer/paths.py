"""Where everything in a workspace lies.

A workspace is one folder. Nothing outside it is written; images imported from a server path
stay where they are and are only read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from medxfer.errors import DataError, MedxferError, WorkspaceError

HOME_VARIABLE = "MEDXFER_HOME"
_NAME = re.compile(r"[\w][\w .()+-]{0,79}")
_NAME_BYTES = 200
"""File systems allow 255 for a name, and medxfer puts endings behind it."""
_PART_BYTES, _PATH_BYTES = 255, 4095
_SHOWN = 120


def check_name(name: str, thing: str) -> str:
    """The name itself, if it is safe as a folder name; WorkspaceError otherwise."""
    if not _NAME.fullmatch(name) or name != name.strip() or name.endswith("."):
        raise WorkspaceError(
            f"'{_shown(name)}' cannot be used as the name of a {thing}.",
            "Use 1 to 80 letters, digits, spaces or . _ - + ( ), starting with a letter or digit.",
        )
    if len(name.encode()) > _NAME_BYTES:
        raise WorkspaceError(
            f"'{name}' is too long for the name of a {thing}: it takes {len(name.encode())} "
            f"bytes, the limit is {_NAME_BYTES}.",
            "Use fewer letters, or letters from A to Z, which take one byte each.",
        )
    return name


def typed_path(typed: str | Path, error: type[MedxferError] = DataError) -> Path:
    """A path as a person typed it, absolute; whether anything is there is not asked.

    `~` is the home folder; blanks and quotation marks around typed text are dropped.

    Raises:
        MedxferError: an `error`, if the text can be no path, or none that can be written down.
    """
    text = typed.strip().strip("'\"") if isinstance(typed, str) else str(typed)
    shown = _shown(text)
    if not text or "\x00" in text:
        raise error(f"'{shown}' is not a path.", "Give the path of a file or folder.")
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError as fault:
        raise error(
            f"The home folder in {shown} is not known.", "Write the path in full, without '~'."
        ) from fault
    except OSError as fault:
        raise error(
            f"{shown} starts from the current folder, which is gone.", "Write the path in full."
        ) from fault
    try:
        sizes = [len(part.encode()) for part in path.parts]
    except UnicodeEncodeError as fault:
        raise error(
            f"The path {_shown(str(path))} is not valid UTF-8 text, so it cannot be written down.",
            "Rename the file or folder.",
        ) from fault
    if max(sizes) > _PART_BYTES or len(str(path).encode()) > _PATH_BYTES:
        raise error(f"The path {shown} is longer than a path can be.", "Check the path.")
    return path


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

    @property
    def audit(self) -> Path:
        """The folder of the audit: its result, its progress and its lock."""
        return self.root / "audit"

    @property
    def corrections(self) -> Path:
        """What people decided about single images (drop, relabel, move), one JSON line each."""
        return self.root / "corrections.jsonl"


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
    def queued(self) -> Path:
        """Stands from the moment the run is to be executed until a process holds its lock."""
        return self.root / "queued"

    @property
    def log(self) -> Path:
        return self.root / "worker.log"

    @property
    def checkpoints(self) -> Path:
        """Weights of the best epoch, and the record that names them."""
        return self.root / "checkpoints"

    @property
    def familiarity(self) -> Path:
        """The record of what the run knows of its own scans, written last."""
        return self.root / "familiarity.json"

    @property
    def asking(self) -> Path:
        """The job that asks the run's network about many images, and what became of it."""
        return self.root / "asking"

    @property
    def decisions(self) -> Path:
        """Temperature, operating point, and each opening of the test set, one JSON line each."""
        return self.root / "decisions.jsonl"

    def predictions(self, split: str) -> Path:
        return self.root / "predictions" / f"{split}.parquet"

    @property
    def external(self) -> Path:
        """Answers about other data sets: for each its predictions and a record of what it was."""
        return self.root / "external"


@dataclass(frozen=True)
class Workspace:
    """The folder that holds data sets, runs, weights and the index."""

    root: Path

    @classmethod
    def find(cls, explicit: Path | None = None) -> Workspace:
        """The workspace named, else `MEDXFER_HOME`, else `~/.medxfer`; made if absent.

        Raises:
            WorkspaceError: the path is none, or the folder cannot be made or written.
        """
        chosen = explicit or os.environ.get(HOME_VARIABLE) or "~/.medxfer"
        root = typed_path(chosen, WorkspaceError)
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

    @property
    def supervisor(self) -> Path:
        """The lock of the one process of this host that starts runs, with its words beside it."""
        return self.root / "supervisor"

    @property
    def slots(self) -> Path:
        """A lock for each device, held by the process that computes on it."""
        return self.root / "slots"

    @property
    def bin(self) -> Path:
        """What was deleted and can still be brought back."""
        return self.root / "bin"

    @property
    def activity(self) -> Path:
        """Who did what, one JSON line each, only appended to."""
        return self.root / "activity.jsonl"

    @property
    def openings(self) -> Path:
        """The looks at test sets by runs that were deleted since, one JSON line each."""
        return self.root / "openings.jsonl"

    @property
    def secret(self) -> Path:
        """What patients' ids are hidden by; read it through `data.pseudonyms`."""
        return self.root / "secret"

    def dataset(self, name: str) -> DatasetPaths:
        return DatasetPaths(self.datasets / check_name(name, "data set"))

    def run(self, run: str) -> RunPaths:
        return RunPaths(self.runs / check_name(run, "run"))


def _shown(text: str) -> str:
    """Text that can be printed, whatever bytes it came from."""
    plain = text.encode("utf-8", "replace").decode()
    return plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…"
