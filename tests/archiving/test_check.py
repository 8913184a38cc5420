"""`medxfer workspace check` names whatever is damaged, cut or gone, and mends the index."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from begun import begin
from click.testing import CliRunner
from PIL import Image
from recorded import answers

from medxfer import lock
from medxfer.activity import note
from medxfer.archiving.checking import Checkup, check
from medxfer.cli.main import medxfer
from medxfer.config import TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError
from medxfer.events import Finished, PredictionsSaved
from medxfer.paths import Workspace
from medxfer.runs import index, journal
from medxfer.runs.looks import open_test
from medxfer.runs.store import list_runs


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A whole workspace: an unpacked data set, a finished run, decisions, weights; and its run."""
    folder = tmp_path_factory.mktemp("original")
    workspace = Workspace.find(folder / "workspace")
    _pictures(folder / "small")
    shutil.make_archive(str(folder / "small"), "zip", folder / "small")
    import_source(workspace, folder / "small.zip", ImportOptions(name="small"))
    config = TrainConfig(data="small", weights="none")
    run = begin(workspace, config)
    paths, manifest = workspace.run(run), load_manifest(workspace, "small")
    for split in (Split.VALIDATION, Split.TEST):
        predictions = answers(manifest, split)
        predictions.save(paths.predictions(split))
        journal.append(paths.events, PredictionsSaved(split=split, images=len(predictions)))
    journal.append(paths.events, Finished(seconds=1.5))
    open_test(workspace, run, "page")
    shutil.copy(
        next(paths.checkpoints.glob("*.safetensors")), workspace.weights / "mine.safetensors"
    )
    workspace.openings.write_text("")
    note(workspace, "me", "imported", "data set small")
    note(workspace, "me", "exported", "workspace")
    list_runs(workspace)
    return workspace, run


@pytest.fixture
def whole(original: tuple[Workspace, str], tmp_path: Path) -> tuple[Workspace, str]:
    """A copy to be damaged."""
    workspace, run = original
    shutil.copytree(workspace.root, tmp_path / "workspace", copy_function=_copied)
    return Workspace(tmp_path / "workspace"), run


def _copied(source: str, target: str) -> None:
    """Large files, which tests replace and never write into, are linked."""
    (os.link if source.endswith(".safetensors") else shutil.copy2)(source, target)


def _pictures(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for part, count in {"train": 4, "val": 6, "test": 6}.items():
        for label in ("NORMAL", "PNEUMONIA"):
            (folder / part / label).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 255, (32, 32), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / label / f"{number}.png")


def flip(path: Path) -> None:
    """Turn the highest bit of a byte: in the middle, or in the first column of a table."""
    content = bytearray(path.read_bytes())
    content[200 if path.suffix == ".parquet" else len(content) // 2] ^= 0x80
    path.unlink()
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: 2 * len(content) // 3])


def told(made: Checkup) -> str:
    return "\n".join(f"{fault.what}: {fault.problem} {fault.remedy}" for fault in made.faults)


def test_a_whole_workspace_has_no_fault(whole: tuple[Workspace, str]) -> None:
    made = check(whole[0])
    assert (made.faults, made.mended) == ([], [])
    assert made.checked == {"data sets": 1, "pictures": 32, "runs": 1, "weights": 1}


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
@pytest.mark.parametrize(
    ("file", "what", "named"),
    [
        ("datasets/small/info.json", "data set small", "info.json"),
        ("datasets/small/manifest.parquet", "data set small", "manifest"),
        ("datasets/small/files/test/NORMAL/3.png", "data set small", "test/NORMAL/3.png"),
        ("runs/*/config.json", "run", "settings"),
        ("runs/*/events.jsonl", "run", "events"),
        ("runs/*/checkpoints/best.json", "run", "best.json"),
        ("runs/*/checkpoints/epoch-*.safetensors", "run", "checkpoints/epoch-0001.safetensors"),
        ("runs/*/predictions/test.parquet", "run", "predictions/test.parquet"),
        ("runs/*/decisions.jsonl", "run", "decisions.jsonl"),
        ("activity.jsonl", "activity", "activity.jsonl"),
        ("activity.count", "activity", "activity.count"),
    ],
)
def test_each_kind_of_file_is_named_when_it_is_damaged(
    whole: tuple[Workspace, str], damage: Callable[[Path], None], file: str, what: str, named: str
) -> None:
    workspace, run = whole
    [path] = workspace.root.glob(file)
    damage(path)
    made = check(workspace)
    if damage is Path.unlink and path.name == "decisions.jsonl":
        assert not made.faults  # as of a run that nobody has decided about
        return
    assert made.faults
    assert {fault.what for fault in made.faults} == {what if what != "run" else f"run {run}"}
    if not (damage is Path.unlink and path.name == "config.json"):
        assert named in told(made)
    assert all(fault.remedy for fault in made.faults)


def test_what_a_run_goes_on_by_is_checked_by_its_seal(whole: tuple[Workspace, str]) -> None:
    workspace, run = whole
    (workspace.run(run).checkpoints / "state.json").write_text('{"seal": "not that"}')
    [fault] = check(workspace).faults
    assert (fault.what, "state.json" in fault.problem) == (f"run {run}", True)


def test_cut_weights_and_a_strange_secret_are_named(whole: tuple[Workspace, str]) -> None:
    workspace, _ = whole
    cut(workspace.weights / "mine.safetensors")
    (workspace.weights / "resnet18-f37072fd.pth").write_bytes(b"not what was published")
    workspace.secret.write_text("short")
    workspace.openings.write_text("no look\n")
    assert [fault.what for fault in check(workspace).faults] == [
        "weights mine.safetensors", "weights resnet18-f37072fd.pth", "looks of deleted runs",
        "secret",
    ]  # fmt: skip


def test_an_index_that_is_gone_or_wrong_is_made_anew(whole: tuple[Workspace, str]) -> None:
    workspace, run = whole
    before = list_runs(workspace)
    for path in workspace.root.glob("index.sqlite*"):
        path.unlink()
    made = check(workspace)
    assert made.faults == []
    assert "was gone" in made.mended[0]
    with index.opened(workspace.index) as connection:
        assert list(index.remembered(connection)) == [run]

    for column, value in (("best_epoch", "7"), ("state", "nonsense"), ("created", "long ago")):
        with closing(sqlite3.connect(workspace.index)) as connection, connection:
            connection.execute(f"UPDATE runs SET {column} = ?", (value,))  # noqa: S608
        made = check(workspace)
        assert made.faults == []
        assert "not what the run folders say" in made.mended[0]
        assert list_runs(workspace) == before
    assert check(workspace).mended == []


@pytest.mark.parametrize("damage", ["flipped", "newer"])
def test_an_index_that_cannot_be_used_is_named_and_put_aside_when_asked(
    whole: tuple[Workspace, str], damage: str
) -> None:
    workspace, run = whole
    with closing(sqlite3.connect(workspace.index)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if damage == "newer":
            connection.execute("PRAGMA user_version = 999")
            connection.commit()
    if damage == "flipped":
        content = bytearray(workspace.index.read_bytes())
        content[:16] = b"not a database!!"
        workspace.index.write_bytes(content)

    [fault] = check(workspace).faults
    assert fault.what == "index of runs"
    assert ("newer version" in fault.problem) == (damage == "newer")
    assert fault.remedy

    with lock.held(workspace.supervisor, MedxferError("busy")):
        [fault] = check(workspace, repair=True).faults
        assert "starts runs" in fault.problem

    made = check(workspace, repair=True)
    assert made.faults == []
    assert list(workspace.root.glob("index-damaged-*.sqlite"))
    assert [line.run for line in list_runs(workspace)] == [run]
    assert check(workspace) == Checkup(checked=made.checked)


def test_the_commands_answer_scripts(whole: tuple[Workspace, str], tmp_path: Path) -> None:
    workspace, run = whole

    def called(*arguments: str, home: Path = workspace.root) -> tuple[object, dict[str, object]]:
        line = ["workspace", *arguments, "--json", "--workspace", str(home)]
        result = CliRunner().invoke(medxfer, line, standalone_mode=False, catch_exceptions=False)
        return result.return_value, json.loads(result.stdout)

    code, values = called("export", str(tmp_path / "all.zip"))
    assert not code
    assert values["path"] == str(tmp_path / "all.zip")
    _, values = called("import", str(tmp_path / "all.zip"), home=tmp_path / "new")
    assert {"kind": "run", "name": run, "outcome": "imported", "now": run} in values["placed"]
    code, values = called("check", home=tmp_path / "new")
    assert (code, values["faults"]) == (0, [])
    flip(next((tmp_path / "new" / "runs").glob("*/checkpoints/*.safetensors")))
    code, values = called("check", home=tmp_path / "new")
    assert code == 1
    assert "checksum" in str(values["faults"])
