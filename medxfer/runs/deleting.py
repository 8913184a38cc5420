"""Deleting runs and data sets: not while they are in use, and into the bin for a week."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from medxfer import lock
from medxfer.activity import DELETED, DELETED_FOR_GOOD, RESTORED, note
from medxfer.audit.job import AuditJob
from medxfer.bin import Binned, Kind, put, take_out
from medxfer.bin import remove as remove_binned
from medxfer.cache.room import CacheRoom
from medxfer.data.info import read_info, write_info
from medxfer.data.library import delete_dataset, load_manifest
from medxfer.data.pixel_store import key_of
from medxfer.errors import DataError, MedxferError, RunError
from medxfer.paths import DatasetPaths, Workspace
from medxfer.runs import store
from medxfer.runs.decision_log import keep_openings
from medxfer.runs.store import list_runs, load_run
from medxfer.runs.summary import RunSummary
from medxfer.using import uses

_OF_RUN = "run:"
"""What weights are called that a run starts from."""


Label = Callable[[RunSummary], str]
"""How a run is called in a sentence."""


def _by_id(line: RunSummary) -> str:
    return f"run {line.run}"


def run_users(workspace: Workspace, run: str, label: Label = _by_id) -> list[str]:
    """What needs a run just now, in words: "run X starts from it", "its scans are explained"."""
    started = [
        f"{label(line)} starts from it ({line.state})"
        for line in list_runs(workspace)
        if line.weights == f"{_OF_RUN}{run}" and not line.state.ended
    ]
    return started + uses(workspace, workspace.run(run).root)


def dataset_users(workspace: Workspace, name: str, label: Label = _by_id) -> list[str]:
    """What needs a data set just now, in words."""
    learning = [
        f"{label(line)} learns from it ({line.state})"
        for line in list_runs(workspace)
        if line.data == name and not line.state.ended
    ]
    audited = lock.is_held(AuditJob(workspace, name).paths.audit / "lock")
    return [
        *learning,
        *(["it is being audited"] if audited else []),
        *uses(workspace, workspace.dataset(name).root),
    ]


def remove_run(workspace: Workspace, run: str, *, by: str, for_good: bool = False) -> None:
    """Delete an ended run that nothing needs; its looks at test sets stay known either way.

    It can be brought back for a week unless deleted `for_good`. `by` is who wants it, for the
    list of activity.

    Raises:
        RunError: it is unknown, has not ended, or is in use; says by what.
        WorkspaceError: the disk refuses.
    """
    summary = load_run(workspace, run).summary
    if not summary.state.ended:
        raise RunError(
            f"The run {run} is {summary.state} and was not deleted.", "Stop or cancel it first."
        )
    if needed := run_users(workspace, run):
        raise RunError(_in_use(f"The run {run}", needed), "Wait until that has ended, or stop it.")
    if for_good:
        store.delete_run(workspace, run)
    else:
        paths = workspace.run(run)
        busy = RunError(f"The run {run} has just been taken up again.", "Stop it first.")
        keep_openings(paths.decisions, workspace.openings)
        with lock.held(paths.lock, busy):
            if paths.queued.exists():
                raise busy
            about = f"ResNet-{summary.depth} on {summary.data}"
            put(workspace, Kind.RUN, paths.root, about, by)
    note(workspace, by, _word(for_good), f"run {run}")


def remove_dataset(workspace: Workspace, name: str, *, by: str, for_good: bool = False) -> None:
    """Delete a data set that nothing needs, also a damaged one; pictures elsewhere stay.

    Decoded copies go at once. It can be brought back for a week unless deleted `for_good`.

    Raises:
        DataError: there is none of this name, or it is in use; says by what.
        WorkspaceError: the disk refuses.
    """
    root = workspace.dataset(name).root
    if root.is_dir() and (needed := dataset_users(workspace, name)):
        raise DataError(
            _in_use(f"The data set '{name}'", needed), "Wait until that has ended, or stop it."
        )
    if for_good or not root.is_dir():
        delete_dataset(workspace, name)
    else:
        with suppress(MedxferError):  # a damaged one cannot say which pictures were its own
            CacheRoom(workspace.cache).forget(key_of(load_manifest(workspace, name)))
        put(workspace, Kind.DATASET, root, _about(root), by)
    note(workspace, by, _word(for_good), f"data set {name}")


def restore(workspace: Workspace, entry: Binned, *, by: str, name: str = "") -> str:
    """Bring a thing back from the bin, a data set under another `name` if one is given; its name.

    Raises:
        RunError: a run was given another name.
        WorkspaceError: its name is taken by now, or it is gone from the bin.
    """
    wanted = name or entry.name
    if entry.kind is Kind.RUN:
        if wanted != entry.name:
            raise RunError(
                "A run cannot get another name: its id is the time at which it was made.",
                "Leave the name out.",
            )
        take_out(workspace, entry, workspace.run(wanted).root)
    else:
        take_out(
            workspace, entry, workspace.dataset(wanted).root, lambda root: _rename(root, wanted)
        )
    note(workspace, by, RESTORED, f"{entry.kind} {wanted}")
    return wanted


def remove_for_good(workspace: Workspace, entry: Binned, *, by: str) -> None:
    """Delete a thing in the bin for good."""
    remove_binned(workspace, entry)
    note(workspace, by, _word(True), f"{entry.kind} {entry.name}")


def _rename(root: Path, name: str) -> None:
    """Give a data set in the bin the name it will have."""
    paths = DatasetPaths(root)
    with suppress(DataError):  # a damaged one has no name to change
        info = read_info(paths)
        if info.name != name:
            write_info(paths, replace(info, name=name))


def _about(root: Path) -> str:
    try:
        info = read_info(DatasetPaths(root))
    except DataError:
        return "damaged"
    return f"{info.images} images, imported {info.created.astimezone(UTC):%Y-%m-%d}"


def _in_use(thing: str, users: list[str]) -> str:
    return f"{thing} is in use and was not deleted: {'; '.join(users)}."


def _word(for_good: bool) -> str:
    return DELETED_FOR_GOOD if for_good else DELETED
