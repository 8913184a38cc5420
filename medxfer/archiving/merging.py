"""Files of a workspace itself that come with an archive: looks at test sets, activity, secret."""

from __future__ import annotations

from pathlib import Path

from medxfer.archiving.catalogue import ACTIVITY, COUNT, OPENINGS, SECRET
from medxfer.files import sha256_of
from medxfer.paths import Workspace
from medxfer.runs.decision_log import keep_openings

_OTHERS, _DIGITS = "activity-", 12


def merge(workspace: Workspace, folder: Path) -> tuple[str, ...]:
    """Take these files from where an archive was unpacked; sentences on what came of it."""
    found = [
        _activity(workspace, folder),
        _secret(workspace, folder / SECRET),
    ]
    if (folder / OPENINGS).is_file():
        keep_openings(folder / OPENINGS, workspace.openings)
    return tuple(note for note in found if note)


def others_logs(workspace: Workspace) -> list[Workspace]:
    """The logs of who did what on other machines, each as in a workspace of its own."""
    return [Workspace(path) for path in sorted(workspace.root.glob(f"{_OTHERS}*"))]


def _activity(workspace: Workspace, folder: Path) -> str:
    """Keep a log of who did what beside the one here, whole, since its lines are chained."""
    log = folder / ACTIVITY
    if not log.is_file():
        return ""
    kept = workspace.root / f"{_OTHERS}{sha256_of(log)[:_DIGITS]}"
    if kept.exists() or _begins_with(workspace.activity, log):
        return ""
    made = folder / kept.name
    made.mkdir()
    for file in (log, folder / COUNT):
        if file.is_file():
            file.rename(made / file.name)
    made.rename(kept)
    return f"The log of who did what on the other machine is kept in the folder {kept.name}."


def _begins_with(path: Path, other: Path) -> bool:
    """Whether a file, if it is there, begins with the content of another."""
    size = other.stat().st_size
    try:
        with path.open("rb") as file:
            return file.read(size) == other.read_bytes()
    except FileNotFoundError:
        return False


def _secret(workspace: Workspace, secret: Path) -> str:
    if not secret.is_file():
        return ""
    if not workspace.secret.exists():
        secret.chmod(0o600)
        workspace.secret.hardlink_to(secret)
        return ""
    if workspace.secret.read_bytes() == secret.read_bytes():
        return ""
    return (
        "The archive's secret for patients' ids was not taken, since this workspace has its own: "
        "patients of its data sets are not recognised in those imported here. To keep it, import "
        "the archive into a new workspace."
    )
