"""How a result came about: what is known of its data, now or from the start of the run."""

from __future__ import annotations

from contextlib import suppress

from medxfer.audit.keeping import load_audit
from medxfer.audit.leaking import Known, known_by
from medxfer.audit.record import Audit
from medxfer.data.library import load_manifest
from medxfer.errors import DataError, RunError
from medxfer.evaluation.alarms import Alarm, Circumstances, Part, alarms
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Started
from medxfer.paths import Workspace
from medxfer.runs.decisions import Decisions, decisions
from medxfer.runs.store import Run, load_run, trained_on


def audit_of(workspace: Workspace, run: Run) -> Audit | None:
    """The audit of the data set as the run learned from it; None if there is none."""
    started = _start(run)
    audit = load_audit(workspace, run.config.data)
    if audit is None or started is None:
        return None
    return audit if audit.is_of(started.manifest_hash, started.split_hash) else None


def known_of(workspace: Workspace, run: Run) -> Known:
    """What is known of the data set as the run learned from it.

    What can be told now counts first, since an audit may have looked later; then what the run
    recorded at its start, which mending, changing or deleting the data set does not undo.
    """
    started, now = _start(run), Known()
    if started is None:
        return now
    manifest = None
    with suppress(DataError, RunError):
        whole = load_manifest(workspace, run.config.data)
        trained_on(run, whole)
        manifest = whole
    audit = audit_of(workspace, run)
    if manifest is not None or audit is not None:
        with suppress(DataError):
            now = known_by(workspace, run.config.data, manifest, audit)
    return Known(
        patients_known=_first(now.patients_known, started.patients_known),
        patients_shared=_first(now.patients_shared, started.patients_shared),
        copies_shared=_first(now.copies_shared, started.copies_shared),
        audit=now.audit or started.audit,
    )


def patients_told_apart(known: Known, *answers: Predictions | None) -> bool | None:
    """Whether patient ids stand for people; None if nobody can tell any more.

    Where nothing was recorded, images that share an id tell: an image of nobody known is its own.
    """
    if known.patients_known is not None:
        return known.patients_known
    shared = (each is not None and each.facts["patient"].duplicated().any() for each in answers)
    return True if any(shared) else None


def patients_known(workspace: Workspace, run: str, answers: Predictions) -> bool | None:
    """Whether patients were known when a run began; None if nobody can tell any more.

    Raises:
        RunError: the run is unknown.
    """
    return patients_told_apart(known_of(workspace, load_run(workspace, run)), answers)


def circumstances(run: Run, known: Known, decided: Decisions, *parts: Part | None) -> Circumstances:
    """How a result came about, for its alarms."""
    return Circumstances(
        patients_known=patients_told_apart(
            known, *(part.predictions if part else None for part in parts)
        ),
        leaks=known.leaks,
        best_epoch=run.summary.best_epoch,
        epochs=run.summary.epochs or None,
        tempered=bool(decided.temperature and decided.temperature.on),
    )


def raised(
    workspace: Workspace, run: str, validation: Part | None, test: Part | None
) -> list[Alarm]:
    """The alarms about parts of a run, the worst first; leave out a part that was not opened."""
    loaded = load_run(workspace, run)
    known, decided = known_of(workspace, loaded), decisions(workspace, run)
    how = circumstances(loaded, known, decided, validation, test)
    return alarms(validation, test, how)


def _first(now: bool | None, then: bool | None) -> bool | None:
    return then if now is None else now


def _start(run: Run) -> Started | None:
    return next((event for event in run.events if isinstance(event, Started)), None)
