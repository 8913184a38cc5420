"""The check of a workspace: every hash there is, every file that can be read, the index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from medxfer.activity import verify
from medxfer.archiving import indexing
from medxfer.archiving.inspecting import look_at_run
from medxfer.archiving.merging import others_logs
from medxfer.archiving.weights import weights_fault
from medxfer.data.info import read_info
from medxfer.data.library import load_corrections, load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.pseudonyms import secret_of
from medxfer.errors import DataError, MedxferError, WorkspaceError
from medxfer.events import Tell
from medxfer.files import sha256_of
from medxfer.paths import DatasetPaths, Workspace
from medxfer.runs import decision_log

_NAMED = 3
"""File names quoted in a message; the rest are counted."""


@dataclass(frozen=True)
class Fault:
    """Something that is damaged or gone: `what` it is in the workspace, and what to do."""

    what: str
    problem: str
    remedy: str


@dataclass
class Checkup:
    """What a check found, how much it looked at, and what it put right."""

    faults: list[Fault] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)

    def add(self, what: str, error: MedxferError) -> None:
        self.faults.append(Fault(what, error.problem, error.remedy))


def check(workspace: Workspace, *, repair: bool = False, tell: Tell = lambda *_: None) -> Checkup:
    """Compare everything the app keeps with the hashes that were recorded, and read the rest.

    Changes nothing but the index of runs: lines that are not what the folders say are written
    anew. With `repair`, an index that cannot be used is put aside and made anew. `tell` gets
    pictures of a data set; it may raise to end the check.
    """
    made = Checkup(checked={"data sets": 0, "pictures": 0, "runs": 0, "weights": 0})
    for folder in sorted(path for path in workspace.datasets.iterdir() if path.is_dir()):
        _dataset(made, workspace, folder.name, tell)
    for folder in sorted(path for path in workspace.runs.iterdir() if path.is_dir()):
        made.checked["runs"] += 1
        for error in look_at_run(workspace, folder.name):
            made.add(f"run {folder.name}", error)
    for path in sorted(workspace.weights.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            made.checked["weights"] += 1
            if (fault := weights_fault(path)) is not None:
                made.add(f"weights {path.name}", fault)
    for what, error in (*_rest(workspace), *_logs(workspace)):
        made.add(what, error)
    try:
        made.mended += indexing.rebuild(workspace, repair=repair)
    except MedxferError as error:
        made.add("index of runs", error)
    return made


def _dataset(made: Checkup, workspace: Workspace, name: str, tell: Tell) -> None:
    made.checked["data sets"] += 1
    what = f"data set {name}"
    try:
        paths = workspace.dataset(name)
        info = read_info(paths)
        manifest = load_manifest(workspace, name)
    except MedxferError as error:
        made.add(what, error)
        return
    try:
        load_corrections(workspace, name)
    except DataError as error:
        made.add(what, error)
    if (manifest.content_hash, manifest.split_hash) != (info.manifest_hash, info.split_hash):
        made.add(what, DataError(
            f"The manifest of '{name}' is not the one that its info.json was written for.",
            "Put both back from a copy, or delete the data set and import it again.",
        ))  # fmt: skip
    made.checked["pictures"] += len(manifest)
    if (fault := _pictures(manifest, name, paths, tell)) is not None:
        made.add(what, fault)


def _pictures(manifest: Manifest, name: str, paths: DatasetPaths, tell: Tell) -> DataError | None:
    """Whether every picture still holds what was imported; all are read."""
    own = manifest.root.is_relative_to(paths.root)
    if not manifest.root.is_dir():
        return DataError(
            f"The folder of the pictures of '{name}', {manifest.root}, is not there.",
            "Put it back or mount it; until then nothing new can be computed from this data set.",
        )
    gone, changed = [], []
    rows = manifest.table[["file", "sha256"]].itertuples(index=False, name=None)
    for done, (file, sha256) in enumerate(rows):
        tell(f"Checking the pictures of '{name}'", done, len(manifest))
        path = manifest.path(file)
        try:
            if sha256_of(path) != sha256:
                changed.append(file)
        except OSError:
            gone.append(file)
    tell(f"Checking the pictures of '{name}'", len(manifest), len(manifest))
    if not (gone or changed):
        return None
    found = [_counted(gone, "gone"), _counted(changed, "no longer what was imported")]
    where = "the workspace" if own else str(manifest.root)
    return DataError(
        f"Of {len(manifest):,} pictures of '{name}' in {where}, "
        f"{' and '.join(text for text in found if text)}.",
        "Put the old files back from a copy, or import the data set again.",
    )


def _rest(workspace: Workspace) -> Iterator[tuple[str, MedxferError]]:
    """Faults of the files of the workspace itself."""
    try:
        decision_log.read(workspace.openings)
    except MedxferError as error:
        yield "looks of deleted runs", error
    if workspace.secret.exists():
        try:
            secret_of(workspace.secret)
        except MedxferError as error:
            yield "secret", error


def _logs(workspace: Workspace) -> Iterator[tuple[str, MedxferError]]:
    """Faults of the logs of who did what: of this machine, and of those whose archives came."""
    for place in (workspace, *others_logs(workspace)):
        for problem in verify(place):
            name = place.activity.relative_to(workspace.root)
            yield (
                "activity",
                WorkspaceError(
                    f"{name}: {problem}", "Put activity.jsonl and activity.count back from a copy."
                ),
            )


def _counted(files: list[str], fault: str) -> str:
    if not files:
        return ""
    more = ", …" if len(files) > _NAMED else ""
    verb = "is" if len(files) == 1 else "are"
    return f"{len(files):,} {verb} {fault} ({', '.join(files[:_NAMED])}{more})"
