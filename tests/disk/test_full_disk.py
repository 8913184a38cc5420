"""A disk that is full: in a checkpoint, in the index, in an import. On a small disk of its own."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from medxfer.config import Monitor, StrategyConfig, TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import list_datasets
from medxfer.errors import ArchiveError, WorkspaceError
from medxfer.events import EpochFinished, Event
from medxfer.models import checkpoint
from medxfer.paths import Workspace
from medxfer.runs import index
from medxfer.runs.execute import execute
from medxfer.runs.loading import load_model
from medxfer.runs.store import create_run, list_runs, load_run
from medxfer.runs.summary import RunState

MakeDisk = Callable[[int], Workspace]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[MakeDisk]:
    """Makes a workspace on a disk of so many megabytes."""
    mount = tmp_path / "disk"
    mount.mkdir()
    mounted = False

    def make(megabytes: int) -> Workspace:
        nonlocal mounted
        tool = shutil.which("mount")
        if tool is None:
            pytest.skip("there is no `mount` to make a small disk with")
        done = subprocess.run(
            [tool, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(mount)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted = True
        return Workspace.find(mount / "workspace")

    yield make
    if mounted:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


@contextmanager
def filled(workspace: Workspace) -> Iterator[None]:
    """The disk of the workspace without a free byte while the block runs."""
    ballast = workspace.root.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    assert shutil.disk_usage(workspace.root).free == 0
    yield
    ballast.unlink()


def config_of(small_config: TrainConfig) -> TrainConfig:
    """Quick epochs over kept features; more of them, so that a later one is better."""
    return small_config.model_copy(
        update={"strategy": StrategyConfig(name="all"), "epochs": 6, "monitor": Monitor.LOSS}
    )


@pytest.fixture
def data(disk: MakeDisk, small_config: TrainConfig, tmp_path: Path) -> tuple[Workspace, str]:
    """A small disk with the small data set, and a run that is to be."""
    workspace = disk(600)
    import_source(workspace, tmp_path / "small", ImportOptions(name="small"))
    run, _ = create_run(workspace, config_of(small_config))
    return workspace, run


def until_the_disk_is_full(workspace: Workspace, run: str) -> list[Event]:
    """The run's events; the disk is filled once an epoch has been told and saved."""
    events, going = [], execute(workspace, run)
    best = workspace.run(run).checkpoints / "best.json"
    for event in going:
        events.append(event)
        if isinstance(event, EpochFinished) and best.exists():
            break
    with filled(workspace):
        events += going
    return events


def test_a_run_pauses_with_its_checkpoint_whole_and_goes_on_once_there_is_space(
    data: tuple[Workspace, str],
) -> None:
    workspace, run = data
    events = until_the_disk_is_full(workspace, run)

    assert any(isinstance(event, EpochFinished) for event in events)
    assert events[-1].kind == "paused"
    summary = load_run(workspace, run).summary
    assert summary.state is RunState.PAUSED
    assert "full" in summary.problem
    record, _ = checkpoint.verified(workspace.run(run).checkpoints, "the run")
    assert record.epoch >= 1
    load_model(workspace, run)
    assert [line.run for line in list_runs(workspace)] == [run]
    assert not list(workspace.root.rglob("*.tmp"))

    again = list(execute(workspace, run))
    assert again[-1].kind == "finished"
    loaded = load_run(workspace, run)
    assert loaded.summary.state is RunState.FINISHED
    epochs = [event.epoch for event in loaded.events if isinstance(event, EpochFinished)]
    assert epochs == list(range(1, 7))


def test_the_index_refuses_in_a_sentence_and_is_whole_afterwards(disk: MakeDisk) -> None:
    workspace = disk(4)
    config = TrainConfig(data="none", weights="none")
    run, _ = create_run(workspace, config, "the first press")
    with filled(workspace), pytest.raises(WorkspaceError, match="full") as caught:
        create_run(workspace, config, "a long request" * 2000)
    assert "disk is not full" in caught.value.remedy

    with closing(sqlite3.connect(workspace.index)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    assert create_run(workspace, config, "the first press") == (run, False)
    assert create_run(workspace, config, "the second press")[1]
    with index.opened(workspace.index) as connection:
        assert index.claim_request(connection, "the first press", "another") == run


def test_an_import_leaves_nothing_half_and_works_once_there_is_space(
    disk: MakeDisk, small_data: str, tmp_path: Path
) -> None:
    workspace = disk(8)
    import_source(workspace, tmp_path / small_data, ImportOptions(name="before"))
    archive = shutil.make_archive(str(tmp_path / "small"), "zip", tmp_path / small_data)
    for source in (tmp_path / small_data, Path(archive)):
        with filled(workspace), pytest.raises((WorkspaceError, ArchiveError), match=r"full|free"):
            import_source(workspace, source, ImportOptions(name="after"))
        assert [info.name for info in list_datasets(workspace)] == ["before"]
        assert not list(workspace.staging.iterdir())
    import_source(workspace, Path(archive), ImportOptions(name="after"))
    assert {info.name for info in list_datasets(workspace)} == {"before", "after"}
