"""Who did what: JSON lines that are only appended to, each holding the hash of the one before.

A changed or removed line breaks the chain; a tail that was cut off is found by the count kept in
a file beside it. Whoever can rewrite both files can still deceive: copy the count elsewhere to
find that too. Nothing of a patient belongs into a line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from threading import Lock

from medxfer import lock
from medxfer.errors import WorkspaceError
from medxfer.files import append_lines, write_json
from medxfer.paths import Workspace

DONE = "done"
IMPORTED, DELETED, DELETED_FOR_GOOD = "imported", "deleted", "deleted for good"
RESTORED = "restored"
_FIRST = "0" * 64
_LONGEST = 300
"""Letters of a field; names of data sets and runs are shorter."""
_TAIL = 16384
"""Bytes in which the last line lies."""
_PATIENCE_SECONDS = 10.0
_here = Lock()
"""Record locks keep processes apart, not the threads of one."""


@dataclass(frozen=True)
class Act:
    """One thing somebody did. `time` is UTC; `result` is "done" or says what came of it."""

    number: int
    time: datetime
    who: str
    what: str
    thing: str
    result: str


def local_user() -> str:
    """Who works at this computer, by the name the system has for them."""
    try:
        return f"{getuser()} (local user)"
    except (KeyError, OSError):
        return "local user"


def note(workspace: Workspace, who: str, what: str, thing: str = "", result: str = DONE) -> None:
    """Append a line about what somebody did, and flush it to the disk.

    Raises:
        WorkspaceError: it cannot be written; what was done stays done.
    """
    path = workspace.activity
    try:
        with _alone(workspace):
            last, number = _end(path)
            values = {
                "number": number + 1, "time": datetime.now(UTC).isoformat(), "who": who,
                "what": what, "thing": thing, "result": result, "before": last,
            }  # fmt: skip
            cut = {key: value[:_LONGEST] if isinstance(value, str) else value
                   for key, value in values.items()}  # fmt: skip
            line = json.dumps(cut, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
            append_lines(path, line, mode=0o600)
            write_json(_count(workspace), {"lines": number + 1, "sha256": _hash(line)})
    except OSError as error:
        raise WorkspaceError(
            f"This could not be written into the list of activity ({path.name}): "
            f"{error.strerror or error}.",
            "Free some space or check the permissions of the workspace. What was done stays done.",
        ) from error


def acts(workspace: Workspace) -> list[Act]:
    """All that was done, the latest first; lines that cannot be read are left out."""
    found = []
    for line in _lines(workspace.activity):
        with suppress(ValueError, KeyError, TypeError):
            values = json.loads(line)
            values.pop("before")
            found.append(Act(**values | {"time": datetime.fromisoformat(values["time"])}))
    return found[::-1]


def deleted_on(workspace: Workspace, thing: str) -> datetime | None:
    """When a thing ("data set lungs") was deleted, if it was and has not come back; UTC."""
    for act in acts(workspace):
        if act.thing == thing and act.what in (DELETED, DELETED_FOR_GOOD):
            return act.time
        if act.thing == thing and act.what in (RESTORED, IMPORTED):
            return None
    return None


def verify(workspace: Workspace) -> list[str]:
    """What is wrong with the list of activity, a sentence each; [] if nothing is."""
    lines = _lines(workspace.activity)
    found, before = [], _FIRST
    for place, line in enumerate(lines, start=1):
        try:
            values = json.loads(line)
            told, number = values["before"], values["number"]
        except (ValueError, KeyError, TypeError):
            found.append(f"Line {place} of the list of activity is damaged.")
        else:
            if told != before or number != place:
                found.append(
                    f"Between lines {place - 1} and {place} of the list of activity something was "
                    "changed, removed or put in."
                )
        before = _hash(line)
    return found + _cut_off(workspace, lines)


def _cut_off(workspace: Workspace, lines: list[bytes]) -> list[str]:
    """Whether the end of the list is missing or was changed, by the count beside it."""
    try:
        counted = json.loads(_count(workspace).read_bytes())
        count, last = int(counted["lines"]), str(counted["sha256"])
    except FileNotFoundError:
        return ["The count of the list of activity is missing."] if lines else []
    except (OSError, ValueError, KeyError, TypeError):
        return ["The count of the list of activity is damaged."]
    if count < 1:
        return ["The count of the list of activity is damaged."]
    if len(lines) < count:
        return [f"The list of activity had {count} lines and has {len(lines)}."]
    if _hash(lines[count - 1]) != last:
        return [f"Line {count} of the list of activity was changed."]
    return []


def _count(workspace: Workspace) -> Path:
    return workspace.activity.with_suffix(".count")


def _lines(path: Path) -> list[bytes]:
    """The whole lines of the file, each with its end; what a crash cut off is no line."""
    try:
        return [line for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")]
    except FileNotFoundError:
        return []


def _end(path: Path) -> tuple[str, int]:
    """Hash and number of the last line."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = [line for line in file.read().splitlines(True) if line.endswith(b"\n")]
    except FileNotFoundError:
        return _FIRST, 0
    try:
        return (_hash(lines[-1]), int(json.loads(lines[-1])["number"])) if lines else (_FIRST, 0)
    except (ValueError, KeyError, TypeError):  # damaged: `verify` says so, and the list goes on
        return _hash(lines[-1]), len(_lines(path))


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Keep every other process and thread from appending while the block runs."""
    busy = WorkspaceError(
        "The list of activity is being written by another process.", "Try again in a moment."
    )
    with _here, lock.waited(workspace.activity.with_suffix(".lock"), busy, _PATIENCE_SECONDS):
        yield
