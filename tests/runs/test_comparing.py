"""Two runs side by side: under their decisions, and never past the lock."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import make, make_run

from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.evaluation.operating_point import Rule, choose
from medxfer.paths import Workspace
from medxfer.runs.comparing import side_by_side
from medxfer.runs.decisions import decide_operating_point, looks, open_test, validation


def test_each_run_is_called_at_its_own_threshold_and_test_stays_locked(
    workspace: Workspace, tmp_path: Path
) -> None:
    first = make(workspace, tmp_path / "source").run
    second = make_run(workspace, seed=3)
    point = choose(validation(workspace, first), Rule.THRESHOLD, 0.2)
    decide_operating_point(workspace, first, point)
    ours, theirs = side_by_side(workspace, first, second, Split.VALIDATION)
    assert (ours.threshold, theirs.threshold) == (0.2, None)
    open_test(workspace, first, "page")
    with pytest.raises(RunError, match=f"test set of run {second} is locked"):
        side_by_side(workspace, first, second, Split.TEST)
    assert looks(workspace, second).this_run == 0
    open_test(workspace, second, "page")
    ours, theirs = side_by_side(workspace, first, second, Split.TEST)
    assert len(ours) == len(theirs) == 40
