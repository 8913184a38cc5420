"""Opening test sets, and how often one was looked at by all runs of its data. Needs no torch."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from medxfer.activity import local_user, note
from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.events import Started
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import decision_log, journal
from medxfer.runs.decided import Decisions, decisions
from medxfer.runs.decision_log import By, Opening
from medxfer.runs.external_record import External, list_externals
from medxfer.runs.store import load_run, run_folder


@dataclass(frozen=True)
class Looks:
    """How often a test set was looked at: in all, and by the network of one run."""

    total: int
    this_run: int
    first: datetime | None
    """By the network of this run, UTC."""
    other_splits: int = 0
    """Looks at other test parts of the same data set, which may share images with this one."""
    unknown: tuple[str, ...] = ()
    """Whose record of looks cannot be read ("run 20260102-…"), so that nobody knows the count."""

    @property
    def sentence(self) -> str:
        """What stands beside every figure of the test set."""
        if self.unknown:
            return (
                "How often the test set was opened is not known: what was decided about "
                f"{', '.join(self.unknown)} cannot be read, being damaged, unreadable, or written "
                "by a newer version of medxfer"
            )
        more = ""
        if self.other_splits:
            more = f"; {self.other_splits} more under other splits of this data set"
        if not self.total:
            return f"Test set not opened yet{more}"
        mine = f"this run: {self.this_run}" if self.this_run else "this run: never"
        since = f", first on {self.first.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.first else ""
        times = "once" if self.total == 1 else f"{self.total} times"
        return f"Test set opened {times} ({mine}{since}){more}"

    def check(self) -> None:
        """Make sure that the count is known, before a figure of the test set is shown.

        Raises:
            RunError: it is not.
        """
        if self.unknown:
            raise RunError(
                f"{self.sentence}. Without the count no test figure is shown.",
                "Put its decisions.jsonl (of deleted runs: openings.jsonl) back from a copy, or "
                "use the version of medxfer that wrote it.",
            )


def looks(workspace: Workspace, run: str) -> Looks:
    """How often the test set of a run was looked at, by it and by all runs of the same data.

    Raises:
        RunError: the run is unknown, or its own record of looks is damaged.
    """
    loaded = load_run(workspace, run)
    decision_log.read(loaded.paths.decisions)
    started = next((event for event in loaded.events if isinstance(event, Started)), None)
    if started is None:
        return Looks(0, 0, None)
    data = loaded.config.data
    return looks_at(workspace, data, started.manifest_hash, started.split_hash, run)


def looks_at(
    workspace: Workspace, data: str, manifest_hash: str, split_hash: str, run: str
) -> Looks:
    """How often one test part of a data set was looked at, by `run` and by all others."""
    every, unreadable = _openings(workspace)
    of_data = _of_data(every, data, manifest_hash)
    same = [look for look in of_data if look.split_hash == split_hash]
    mine = [look.time for look in same if look.run == run]
    unknown = tuple(
        f"run {other}" if other else "deleted runs"
        for other in unreadable
        if not other or _may_have_seen(workspace, other, data, manifest_hash)
    )
    first = min(mine, default=None)
    return Looks(len(same), len(mine), first, len(of_data) - len(same), unknown)


def openings_of_data(
    workspace: Workspace, data: str, manifest_hash: str | None = None
) -> list[Opening]:
    """The looks at the test sets of a data set by all runs, also deleted ones, in order of time.

    Choosing between runs by their test figures makes those figures too good, so it is the looks
    of all of them that count. With `manifest_hash`, the same images under another name count too.
    What cannot be read is left out; `looks` says so.
    """
    return _of_data(_openings(workspace)[0], data, manifest_hash)


def open_test(workspace: Workspace, run: str, by: By | str, who: str = "") -> Decisions:
    """Count a look at the test figures of a run under the decisions in force, and date it.

    Under decisions that its test set was seen under before, it is no new look. `who` looks, for
    the list of activity; "" is whoever works at this computer.

    Raises:
        RunError: the run is unknown, has no test predictions, the looks so far are not known, or
            the look cannot be recorded; then nothing may be shown.
    """
    loaded = load_run(workspace, run)
    started = next((event for event in loaded.events if isinstance(event, Started)), None)
    if started is None or not loaded.paths.predictions(Split.TEST).is_file():
        raise RunError(
            f"The run {run} has no predictions for the test set, so there is nothing to open.",
            "They are saved when training ends; after a stop, evaluate the run.",
        )
    path = loaded.paths.decisions
    with decision_log.alone(path):
        decided = decisions(workspace, run)
        looks(workspace, run).check()
        if not decided.is_open:
            look = Opening(
                run=run,
                by=By(by),
                fingerprint=decided.fingerprint,
                temperature=decided.divisor,
                threshold=decided.threshold,
                data=loaded.config.data,
                manifest_hash=started.manifest_hash,
                split_hash=started.split_hash,
            )
            decision_log.append(path, look)
            _noted(workspace, who, look)
        return decisions(workspace, run)


def open_elsewhere(
    workspace: Workspace, run: str, record: External, by: By | str, who: str = ""
) -> Decisions:
    """Count a look at the test part of another data set that a run was evaluated on, and date it.

    It counts for the runs of that data set too. The run's own test set stays as it is.

    Raises:
        RunError: the run is unknown, the looks so far are not known, or the look cannot be
            recorded; then nothing may be shown.
    """
    path = run_folder(workspace, run).decisions
    hashes = (record.manifest_hash, record.split_hash)
    with decision_log.alone(path):
        decided = decisions(workspace, run)
        looks_at(workspace, record.data, *hashes, run).check()
        if not decided.is_open_on(*hashes):
            look = Opening(
                run=run,
                by=By(by),
                fingerprint=decided.fingerprint_on(*hashes),
                temperature=decided.divisor,
                threshold=decided.threshold,
                data=record.data,
                manifest_hash=record.manifest_hash,
                split_hash=record.split_hash,
                elsewhere=True,
            )
            decision_log.append(path, look)
            _noted(workspace, who, look)
        return decisions(workspace, run)


def _noted(workspace: Workspace, who: str, look: Opening) -> None:
    where = f"run {look.run} on {look.data}"
    note(workspace, who or local_user(), "opened the test set", where, f"by {look.by}")


def _of_data(every: list[Opening], data: str, manifest_hash: str | None) -> list[Opening]:
    return [look for look in every if look.data == data or look.manifest_hash == manifest_hash]


def _openings(workspace: Workspace) -> tuple[list[Opening], list[str]]:
    """All looks in order of time, and the runs whose record cannot be read; "": the deleted."""
    found: dict[tuple[str, str, datetime], Opening] = {}
    unreadable = []
    files = {path.parent.name: path for path in sorted(workspace.runs.glob("*/decisions.jsonl"))}
    for run, file in [*files.items(), ("", workspace.openings)]:
        try:
            looks = decision_log.openings(file)
        except RunError:
            unreadable.append(run)
            continue
        found |= {(look.run, look.fingerprint, look.time): look for look in looks}
    return sorted(found.values(), key=lambda look: look.time), unreadable


def _may_have_seen(workspace: Workspace, run: str, data: str, manifest_hash: str) -> bool:
    """Whether a run could have shown test figures of a data set, as far as the rest of it tells."""
    paths = RunPaths(workspace.runs / run)
    try:
        # Not by `load_run`: also a run of a newer version says which data it is about.
        own = json.loads(paths.config.read_bytes())["settings"]["data"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    with suppress(RunError):
        there = {record.data for record in list_externals(workspace, run)}
        starts = [event for event in journal.read(paths.events)[0] if isinstance(event, Started)]
        same = any(event.manifest_hash == manifest_hash for event in starts)
        return same or data in {own, *there}
    return True
