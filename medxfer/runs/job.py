"""Asking a run's network about many images, as a process of its own.

`python -m medxfer.runs.job WORKSPACE RUN` does what was asked for and not done yet. What comes of
it is kept with the run: predictions, answers about another data set, the checks of its heatmaps,
what it knows of its own scans. Needs no torch until it is carried out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.events import Tell
from medxfer.job import Job, Reporter, begin_process
from medxfer.paths import RunPaths, Workspace
from medxfer.runs.decision_log import By
from medxfer.runs.matching import Matching
from medxfer.runs.store import run_folder


class Kind(StrEnum):
    """What a network can be asked for."""

    PREDICTIONS = "predictions"
    EXTERNAL = "external"
    HEATMAPS = "heatmaps"
    FAMILIARITY = "familiarity"


@dataclass(frozen=True)
class RunJob(Job):
    """What was asked for last of one run's network, whatever became of it."""

    words = "Asking the network"
    error_class = RunError
    workspace: Workspace
    run: str

    @property
    def paths(self) -> RunPaths:
        return self.workspace.run(self.run)

    @property
    def folder(self) -> Path:
        return self.paths.asking

    @property
    def arguments(self) -> list[str]:
        return ["-m", "medxfer.runs.job", str(self.workspace.root), self.run]

    @property
    def is_wanted(self) -> bool:
        return self.paths.config.exists()

    @property
    def busy(self) -> RunError:
        return RunError(
            f"The network of run {self.run} is being asked about other images now.",
            "Wait until that is done, or stop it.",
        )

    @property
    def kind(self) -> Kind | None:
        """What was asked for; None if nothing was."""
        request = self.request()
        return Kind(request["kind"]) if request else None


def ask_predictions(workspace: Workspace, run: str, split: Split) -> RunJob:
    """Ask for the answers about a part of the run's own data set; raises as `_asked`."""
    return _asked(workspace, run, Kind.PREDICTIONS, split=str(split))


def ask_external(
    workspace: Workspace,
    run: str,
    data: str,
    matching: Matching,
    split: Split | None,
    *,
    by: str = "",
) -> RunJob:
    """Ask for the answers about another data set, which are shown next; raises as `_asked`.

    `matching` gives their class: ours or None; `split` None takes every part; `by` is who asks.
    """
    part = str(split) if split else None
    values = {"data": data, "matching": dict(matching), "split": part, "by": by}
    return _asked(workspace, run, Kind.EXTERNAL, **values)


def ask_heatmaps(workspace: Workspace, run: str, split: Split) -> RunJob:
    """Ask for the checks of the run's heatmaps; raises as `_asked`."""
    return _asked(workspace, run, Kind.HEATMAPS, split=str(split))


def ask_familiarity(workspace: Workspace, run: str) -> RunJob:
    """Ask for what the run knows of its own scans; raises as `_asked`."""
    return _asked(workspace, run, Kind.FAMILIARITY)


def execute(workspace: Workspace, run: str) -> None:
    """Do what was asked for and leave the outcome; a second call finds it done.

    Raises:
        RunError: the run is unknown, or another process is doing it.
    """
    run_folder(workspace, run)

    def work(request: dict[str, Any], reporter: Reporter) -> None:
        reporter("Loading the network", 0, 0)
        kind = Kind(request["kind"])
        try:
            _WORK[kind](workspace, run, request, reporter)
        except OSError as error:
            raise RunError(
                f"{RunJob.words} was cut off: the disk of {workspace.root} refused "
                f"({error.strerror}). What was kept before is safe.",
                "Free some space or check the permissions, and try again.",
            ) from error

    RunJob(workspace, run).carry_out(work)


def _asked(workspace: Workspace, run: str, kind: Kind, **values: object) -> RunJob:
    """Write down what is wanted; whoever asks starts the job's `arguments`.

    Raises:
        RunError: the run is unknown, its network is being asked, or the disk refuses.
    """
    run_folder(workspace, run)
    job = RunJob(workspace, run)
    try:
        job.ask({"kind": kind} | values)
    except OSError as error:
        raise RunError(
            f"What was asked of run {run} could not be written down: {error.strerror}.",
            "Free some space or check the permissions, and try again.",
        ) from error
    return job


# torch takes seconds to import, which whoever only asks and watches need not spend.


def _predict(workspace: Workspace, run: str, request: dict[str, Any], tell: Tell) -> None:
    from medxfer.runs.evaluate import evaluated

    evaluated(workspace, run, Split(request["split"]), tell)


def _evaluate_elsewhere(
    workspace: Workspace, run: str, request: dict[str, Any], tell: Tell
) -> None:
    """Ask, and count the look at the test part there, which is shown next."""
    from medxfer.runs.decisions import open_elsewhere
    from medxfer.runs.external import ALL, evaluate_external
    from medxfer.runs.external_record import holds_test, load_external

    data, split = request["data"], request["split"]
    part = Split(split) if split else None
    evaluate_external(workspace, run, data, request["matching"], part, tell)
    record, answers = load_external(workspace, run, data, split or ALL)
    if holds_test(answers):
        open_elsewhere(workspace, run, record, By.PAGE, request["by"])


def _check_heatmaps(workspace: Workspace, run: str, request: dict[str, Any], tell: Tell) -> None:
    from medxfer.runs.checking import checked

    checked(workspace, run, Split(request["split"]), tell=tell)


def _look_at_own_scans(workspace: Workspace, run: str, _: dict[str, Any], tell: Tell) -> None:
    from medxfer.runs.gates import gate
    from medxfer.runs.loading import load_model

    gate(workspace, load_model(workspace, run), partial(tell, "Looking at the run's own scans"))


_WORK: dict[Kind, Callable[[Workspace, str, dict[str, Any], Tell], None]] = {
    Kind.PREDICTIONS: _predict,
    Kind.EXTERNAL: _evaluate_elsewhere,
    Kind.HEATMAPS: _check_heatmaps,
    Kind.FAMILIARITY: _look_at_own_scans,
}


if __name__ == "__main__":
    begin_process()
    execute(Workspace.find(Path(sys.argv[1])), sys.argv[2])
