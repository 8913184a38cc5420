"""Runs as folders of the workspace: made, listed, read, stopped, deleted. Needs no torch."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from medxfer import lock
from medxfer.config import Settings, TrainConfig
from medxfer.data.staging import DELETED_PREFIX
from medxfer.errors import MedxferError, RunError, WorkspaceError
from medxfer.events import Event, Started
from medxfer.files import flush, write_text
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import index, journal, queue
from medxfer.runs.decision_log import keep_openings
from medxfer.runs.summary import RunState, RunSummary, not_repeated, summarise

if TYPE_CHECKING:  # a manifest brings pandas, which the supervisor does without
    from medxfer.data.manifest import Manifest

SCHEMA = 1
"""Of the run folder: config.json, events.jsonl, checkpoints/, predictions/."""


NEW_PREFIX = "run-"
"""Of a folder in staging that is about to become a run."""


class _Spec(Settings):
    """What config.json holds."""

    schema_version: int = Field(default=SCHEMA, le=SCHEMA)
    created: datetime
    settings: TrainConfig


@dataclass(frozen=True)
class Run:
    """A run as its folder tells it."""

    summary: RunSummary
    config: TrainConfig
    events: list[Event]
    paths: RunPaths


def create_run(
    workspace: Workspace,
    config: TrainConfig,
    request: str | None = None,
    *,
    queued: bool = False,
    by: str = "",
) -> tuple[str, bool]:
    """Make the folder of a new run; its id, and whether it is new. Nothing is started.

    A `request` names the person's act (one press of a button): asked twice, it makes one run.
    A `queued` run stands at the end of the queue from the moment its folder is there; `by` is who
    asked for it. Ids are the time of creation in UTC, to the microsecond, so they sort by it.

    Raises:
        WorkspaceError: the index cannot be written; no run was made.
    """
    created = datetime.now(UTC)
    run = f"{created:%Y%m%d-%H%M%S-%f}"
    spec = _Spec(created=created, settings=config)
    if request is None and not queued:
        _make_folder(workspace, run, spec)
        return run, True
    try:
        with index.changing(workspace.index) as connection:
            claimed = run if request is None else index.claim_request(connection, request, run)
            if claimed != run:
                return claimed, False
            if queued:
                queue.add(connection, run, config.device, by)
            _make_folder(workspace, run, spec, by if queued else None)
    except BaseException:
        shutil.rmtree(workspace.run(run).root, ignore_errors=True)
        raise
    return run, True


def _make_folder(workspace: Workspace, run: str, spec: _Spec, queued_by: str | None = None) -> None:
    """The folder, whole at once; with the queue's marker if somebody queued it."""
    target, made = workspace.run(run), RunPaths(workspace.staging / f"{NEW_PREFIX}{run}")
    try:
        made.checkpoints.mkdir(parents=True)
        write_text(made.config, spec.model_dump_json(indent=2) + "\n")
        if queued_by is not None:
            queue.mark(made, queued_by)
        made.root.rename(target.root)
        flush(workspace.runs)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise WorkspaceError(
            f"The run could not be written to {workspace.runs}: "
            f"{'the disk is full' if full else error.strerror}. Nothing was started.",
            "Free some space and start it again." if full else "Mend the permissions there.",
        ) from error
    finally:
        shutil.rmtree(made.root, ignore_errors=True)


def list_runs(workspace: Workspace) -> list[RunSummary]:
    """All runs, newest first. A folder that cannot be read is left out."""
    found = {path.parent.name for path in workspace.runs.glob("*/config.json")}
    with index.opened(workspace.index) as connection:
        known = index.remembered(connection)
    # Asked before the events are read: what is appended meanwhile makes the stamp an old one.
    stamps = {run: _stamp(workspace.run(run)) for run in found}
    lines = {run: known[run][0] for run in found & known.keys() if known[run][1] == stamps[run]}
    fresh = {run: _summary(workspace, run) for run in found - lines.keys()}
    ended = [
        (line, stamps[run])
        for run, line in fresh.items()
        if line is not None and line.state.ended and stamps[run]
    ]
    gone = known.keys() - found
    if ended or gone:
        with index.opened(workspace.index) as connection:
            index.remember(connection, ended)
            index.forget(connection, gone)
    listed = (lines.get(run) or fresh[run] for run in sorted(found, reverse=True))
    return [line for line in listed if line is not None]


def damaged_runs(workspace: Workspace) -> list[str]:
    """Run folders that `list_runs` leaves out, because they cannot be read."""
    readable = {line.run for line in list_runs(workspace)}
    return sorted({path.name for path in workspace.runs.iterdir()} - readable)


def load_run(workspace: Workspace, run: str) -> Run:
    """Everything the folder of a run tells.

    Raises:
        RunError: there is no such run, or its folder is damaged or of a newer version.
    """
    return _load(workspace, run, progress=True)


def _load(workspace: Workspace, run: str, *, progress: bool) -> Run:
    paths, spec = run_folder(workspace, run), _spec(workspace, run)
    # Asked first: a run that is taken up, or ends, meanwhile is not lost.
    queued, alive = paths.queued.exists(), lock.is_held(paths.lock)
    events, _ = journal.read(paths.events, progress=progress)
    summary = summarise(
        run, spec.settings, spec.created, events,
        alive=alive, queued=queued, kept=_kept_epoch(paths),
    )  # fmt: skip
    return Run(summary, spec.settings, not_repeated(events), paths)


def run_folder(workspace: Workspace, run: str) -> RunPaths:
    """The files of a run that exists; RunError, with the nearest id, if it does not."""
    try:
        paths = workspace.run(run)
    except MedxferError:
        paths = None
    if paths is not None and paths.config.is_file():
        return paths
    names = [path.name for path in workspace.runs.iterdir()]
    nearest = get_close_matches(run, names, n=1)
    remedy = f"Did you mean '{nearest[0]}'?" if nearest else "The list of runs shows what there is."
    raise RunError(f"There is no run '{run}' in this workspace.", remedy)


def request_stop(workspace: Workspace, run: str) -> RunState:
    """Ask a run to stop at its next batch and keep what it learned; returns its state now."""
    state = load_run(workspace, run).summary.state
    if not state.ended:
        workspace.run(run).stop_request.touch()
    return state


def delete_run(workspace: Workspace, run: str) -> None:
    """Remove a run and all it holds; that its test set was looked at stays known.

    Raises:
        RunError: it is unknown, or still running.
    """
    loaded = load_run(workspace, run)
    if not loaded.summary.state.ended:
        raise RunError(f"The run {run} is still running and was not deleted.", "Stop it first.")
    keep_openings(loaded.paths.decisions, workspace.openings)
    doomed = workspace.staging / f"{DELETED_PREFIX}{run}"
    loaded.paths.root.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def trained_on(run: Run, manifest: Manifest) -> None:
    """Make sure that a manifest is the one the run was trained on, splits included.

    Raises:
        RunError: images, labels, patients, classes or splits are others now.
    """
    started = next((event for event in run.events if isinstance(event, Started)), None)
    if started is None or (started.manifest_hash, started.split_hash, started.classes) != (
        manifest.content_hash,
        manifest.split_hash,
        manifest.classes,
    ):
        raise RunError(
            f"The data set '{run.config.data}' is no longer the one that run "
            f"{run.summary.run} was trained on: its images, labels or splits have changed.",
            "Train again on the data set as it is now.",
        )


def kept_weights(paths: RunPaths) -> str:
    """SHA-256 of a run's weights, as the record beside them has it; "" if it has kept none."""
    try:
        return str(json.loads((paths.checkpoints / "best.json").read_bytes())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _stamp(paths: RunPaths) -> str:
    """The events a line was read from; "" while the run is queued, for then it will change."""
    try:
        told = paths.events.stat()
    except OSError:
        return ""
    return "" if paths.queued.exists() else f"{told.st_size}:{told.st_mtime_ns}"


def _kept_epoch(paths: RunPaths) -> int | None:
    """The epoch that the record beside the weights names; read here, since torch is not needed."""
    try:
        return int(json.loads((paths.checkpoints / "best.json").read_bytes())["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _summary(workspace: Workspace, run: str) -> RunSummary | None:
    try:
        return _load(workspace, run, progress=False).summary
    except RunError:
        return None


def _spec(workspace: Workspace, run: str) -> _Spec:
    path: Path = workspace.run(run).config
    try:
        return _Spec.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RunError(
            f"The settings of run {run} cannot be read: {path.name} is damaged, or was written "
            "by another version of medxfer.",
            "Train again, or open it with the version that made it.",
        ) from error
