"""Deleting: not while in use, undone for a week, for good when asked."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from recorded import Made, make

from medxfer import lock
from medxfer.activity import acts
from medxfer.bin import KEPT, contents, find, put, sweep
from medxfer.cli.main import medxfer
from medxfer.config import TrainConfig
from medxfer.data.library import dataset_info, list_datasets, load_manifest
from medxfer.errors import DataError, RunError, WorkspaceError
from medxfer.events import Finished
from medxfer.paths import Workspace
from medxfer.runs import deleting, journal
from medxfer.runs.decisions import looks
from medxfer.runs.deleting import remove_dataset, remove_for_good, remove_run, restore
from medxfer.runs.looks import open_test, openings_of_data
from medxfer.runs.results import load_predictions
from medxfer.runs.store import create_run, list_runs
from medxfer.using import clear_uses, uses, using

BY = "ann@clinic.example"
BUSY = RunError("busy")


@pytest.fixture
def made(workspace: Workspace, tmp_path: Path) -> Made:
    return make(workspace, tmp_path / "source")


def saved(place: Workspace) -> dict[str, bytes]:
    """All files of all runs; locks hold nothing."""
    files = [path for path in place.runs.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(place.runs)): path.read_bytes() for path in files}


def test_a_run_comes_back_as_it_was(made: Made) -> None:
    place, before = made.workspace, list_runs(made.workspace)
    files = saved(place)
    remove_run(place, made.run, by=BY)
    assert list_runs(place) == []
    entry = contents(place)[0]
    assert (entry.kind, entry.name, entry.by) == ("run", made.run, BY)
    assert restore(place, entry, by=BY) == made.run
    assert list_runs(place) == before
    assert saved(place) == files
    assert contents(place) == []
    assert [act.what for act in acts(place)] == ["restored", "deleted"]


def test_looks_at_the_test_set_count_once_through_bin_and_back(made: Made) -> None:
    open_test(made.workspace, made.run, "page")
    remove_run(made.workspace, made.run, by=BY)
    assert len(openings_of_data(made.workspace, made.data)) == 1
    restore(made.workspace, contents(made.workspace)[0], by=BY)
    assert len(openings_of_data(made.workspace, made.data)) == 1
    assert looks(made.workspace, made.run).total == 1
    remove_run(made.workspace, made.run, by=BY, for_good=True)
    assert contents(made.workspace) == []
    assert len(openings_of_data(made.workspace, made.data)) == 1


def test_a_data_set_comes_back_as_it_was(made: Made) -> None:
    place, before = made.workspace, dataset_info(made.workspace, made.data)
    remove_dataset(place, made.data, by=BY)
    assert list_datasets(place) == []
    assert load_predictions(place, made.run, "val")  # finished runs keep their results
    assert restore(place, find(place, made.data), by=BY) == made.data
    assert dataset_info(place, made.data) == before
    assert len(load_manifest(place, made.data)) == before.images


def test_a_data_set_whose_name_was_taken_comes_back_under_another(
    made: Made, tmp_path: Path
) -> None:
    place = made.workspace
    remove_dataset(place, made.data, by=BY)
    made.workspace.dataset(made.data).root.mkdir()
    entry = find(place, made.data)
    with pytest.raises(WorkspaceError, match=r"There is another data set .* now. Nothing"):
        restore(place, entry, by=BY)
    assert contents(place) == [entry]
    restore(place, entry, by=BY, name="lungs again")
    assert dataset_info(place, "lungs again").name == "lungs again"
    assert len(load_manifest(place, "lungs again"))


def test_nothing_is_left_of_what_was_deleted_for_good(made: Made) -> None:
    place = made.workspace
    remove_dataset(place, made.data, by=BY, for_good=True)
    remove_run(place, made.run, by=BY)
    remove_for_good(place, contents(place)[0], by=BY)
    left = [path for root in (place.datasets, place.runs, place.bin, place.staging)
            for path in root.rglob("*")]  # fmt: skip
    assert left == []
    assert [act.what for act in acts(place)] == ["deleted for good", "deleted", "deleted for good"]


def test_what_is_in_use_is_not_deleted_and_who_uses_it_is_named(made: Made) -> None:
    place, run = made.workspace, made.run
    with using(place, place.run(run).root, "its scans are being explained"):
        with pytest.raises(RunError, match="its scans are being explained"):
            remove_run(place, run, by=BY)
        assert uses(place, place.run(run).root) == ["its scans are being explained"]
    assert uses(place, place.run(run).root) == []
    child, _ = create_run(place, TrainConfig(data=made.data, weights=f"run:{run}"))
    place.run(child).queued.touch()
    with pytest.raises(RunError, match=f"run {child} starts from it"):
        remove_run(place, run, by=BY)
    with pytest.raises(DataError, match=f"run {child} learns from it"):
        remove_dataset(place, made.data, by=BY)
    with pytest.raises(RunError, match="is waiting and was not deleted"):
        remove_run(place, child, by=BY)
    place.run(child).queued.unlink()
    journal.append(place.run(child).events, Finished(seconds=1))
    audit = place.dataset(made.data).audit
    audit.mkdir(exist_ok=True)
    with lock.held(audit / "lock", BUSY), pytest.raises(DataError, match="being audited"):
        remove_dataset(place, made.data, by=BY)
    assert contents(place) == []
    assert acts(place) == []
    remove_run(place, run, by=BY)
    remove_dataset(place, made.data, by=BY)


def test_a_run_taken_up_while_somebody_deletes_it_stays(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, paths = made.workspace, made.workspace.run(made.run)

    def taken_up(*_: object) -> list[str]:
        paths.queued.touch()
        return []

    monkeypatch.setattr(deleting, "run_users", taken_up)
    with pytest.raises(RunError, match="just been taken up"):
        remove_run(place, made.run, by=BY)
    assert paths.config.exists()


def test_the_bin_is_swept_after_a_week_and_half_made_entries_are_nothing(made: Made) -> None:
    place = made.workspace
    remove_run(place, made.run, by=BY)
    (place.bin / "half").mkdir()
    (place.bin / "half" / "info.json").write_text("{}")
    entry = contents(place)[0]
    assert sweep(place, entry.deleted + KEPT - timedelta(seconds=1)) == []
    assert sweep(place, entry.deleted + KEPT) == [entry]
    assert contents(place) == []
    assert [path.name for path in place.bin.iterdir()] == ["half"]
    sweep(place, datetime.now(UTC) + KEPT + timedelta(minutes=1))
    assert list(place.bin.iterdir()) == []
    with pytest.raises(WorkspaceError, match="no 'x' in the bin"):
        find(place, "x")


def test_a_mark_of_a_process_that_died_uses_nothing(workspace: Workspace) -> None:
    mark = workspace.staging / "use-dead.json"
    mark.write_text(json.dumps({"folder": str(workspace.runs / "x"), "what": "something"}))
    assert uses(workspace, workspace.runs / "x") == []
    clear_uses(workspace)
    assert mark.exists()  # a living one may just be about to take its lock


def test_another_process_sees_what_is_in_use(workspace: Workspace) -> None:
    ask = (
        "import sys; from pathlib import Path; from medxfer.paths import Workspace; "
        "from medxfer.using import uses; "
        "print(uses(Workspace(Path(sys.argv[1])), Path(sys.argv[2])))"
    )
    folder = workspace.runs / "x"

    def seen() -> str:
        words = [sys.executable, "-c", ask, str(workspace.root), str(folder)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    with using(workspace, folder, "it is being evaluated"):
        assert uses(workspace, folder) == ["it is being evaluated"]
        assert seen() == "['it is being evaluated']"
    assert seen() == "[]"
    assert list(workspace.staging.iterdir()) == []


def test_a_disk_that_refuses_leaves_everything_in_place(made: Made) -> None:
    place = made.workspace
    place.bin.write_text("in the way")
    with pytest.raises(WorkspaceError, match="could not be put into the bin"):
        put(place, "run", place.run(made.run).root, "", BY)  # type: ignore[arg-type]
    assert place.run(made.run).config.exists()


def test_by_the_command_line(made: Made) -> None:
    def call(*words: str) -> str:
        done = CliRunner().invoke(medxfer, [*words, "--workspace", str(made.workspace.root)])
        assert done.exception is None or done.exit_code == 0, done.exception
        return done.output

    assert "medxfer bin restore" in call("runs", "delete", made.run)
    assert made.run in call("bin", "list")
    listed = json.loads(call("bin", "list", "--json"))
    assert datetime.fromisoformat(listed[0]["until"]) > datetime.now(UTC)
    assert "is back" in call("bin", "restore", made.run)
    call("data", "delete", made.data)
    assert "is back" in call("bin", "restore", made.data, "--name", "other")
    call("data", "delete", "other")
    assert "1 deleted for good" in call("bin", "empty")
    assert call("bin", "list") == "The bin is empty.\n"
