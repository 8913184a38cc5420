"""A workspace as one archive: what travels, what is refused, and that nothing is ever half."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from begun import begin
from PIL import Image
from recorded import make, make_data, make_run

from medxfer import lock
from medxfer.activity import note
from medxfer.archiving import exporting
from medxfer.archiving.catalogue import NAME
from medxfer.archiving.checking import check
from medxfer.archiving.exporting import export
from medxfer.archiving.importing import import_archive
from medxfer.config import TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.integrity import changed_files
from medxfer.data.library import clear_abandoned, load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import ArchiveError, MedxferError, WorkspaceError
from medxfer.events import Cancelled, Paused
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.evaluate import evaluated
from medxfer.runs.looks import looks, open_test
from medxfer.runs.results import load_predictions
from medxfer.runs.store import create_run, delete_run, list_runs, load_run
from medxfer.runs.summary import RunState


@pytest.fixture
def other(tmp_path: Path) -> Workspace:
    """The workspace of another machine."""
    return Workspace.find(tmp_path / "other machine")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_run_gives_the_same_numbers_on_the_other_machine(
    workspace: Workspace, small_config: TrainConfig, other: Workspace, tmp_path: Path
) -> None:
    run = begin(workspace, small_config)
    before = evaluated(workspace, run, Split.TEST)
    open_test(workspace, run, "page")

    export(workspace, tmp_path / "all.zip")
    (tmp_path / "small").rename(tmp_path / "gone")  # the pictures were imported from here
    made = import_archive(other, tmp_path / "all.zip")

    assert {(placed.kind, placed.outcome) for placed in made.placed} == {
        ("data set", "imported"), ("run", "imported"),
    }  # fmt: skip
    manifest = load_manifest(other, "small")
    assert manifest.root == other.dataset("small").files
    assert changed_files(manifest) == []
    assert looks(other, run).sentence == looks(workspace, run).sentence
    np.testing.assert_array_equal(load_predictions(other, run, "test").logits, before.logits)
    other.run(run).predictions("test").unlink()
    after = evaluated(other, run, Split.TEST)
    np.testing.assert_array_equal(after.logits, before.logits)
    pd.testing.assert_frame_equal(after.facts, before.facts)
    assert check(other).faults == []


def test_everything_is_taken_and_what_is_being_done_is_not(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    made = make(workspace, tmp_path / "pictures")
    (workspace.weights / "mine.safetensors").write_bytes(b"weights")
    note(workspace, "me", "imported", "data set lungs")
    (workspace.bin / "old").mkdir(parents=True)
    (workspace.bin / "old" / "deleted.txt").write_text("x")
    paths = workspace.run(made.run)
    (paths.root / "stop").touch()
    waiting, _ = create_run(workspace, TrainConfig(data=made.data, weights="none"))
    workspace.run(waiting).queued.touch()

    said = export(workspace, tmp_path / "all.zip", secret=True)

    assert any(waiting in text and "waiting" in text for text in said.left_out)
    assert any("secret" in text for text in said.cautions)
    imported = import_archive(other, tmp_path / "all.zip")
    assert [line.run for line in list_runs(other)] == [made.run]
    assert imported.left_out == said.left_out
    assert other.secret.read_text() == workspace.secret.read_text()
    assert other.secret.stat().st_mode & 0o077 == 0
    assert (other.weights / "mine.safetensors").read_bytes() == b"weights"
    assert not other.bin.exists()
    here, there = contents(paths.root), contents(other.run(made.run).root)
    del here["stop"]
    assert here == there
    [log] = other.root.glob("activity-*/activity.jsonl")
    assert log.read_bytes() == workspace.activity.read_bytes()
    assert not [fault for fault in check(other).faults if fault.what == "activity"]
    log.write_bytes(log.read_bytes().replace(b"lungs", b"LUNGS"))
    assert [fault.what for fault in check(other).faults if fault.what == "activity"]
    assert not list(other.staging.iterdir())


def test_without_images_and_without_the_secret(
    workspace: Workspace, small_data: str, other: Workspace, tmp_path: Path
) -> None:
    assert workspace.secret.exists()
    export(workspace, tmp_path / "all.zip", images=False)
    import_archive(other, tmp_path / "all.zip")
    assert not other.secret.exists()
    assert not other.dataset(small_data).files.exists()
    assert len(load_manifest(other, small_data)) == 32


def test_a_paused_run_can_go_on_elsewhere(
    workspace: Workspace, small_config: TrainConfig, other: Workspace, tmp_path: Path
) -> None:
    run = begin(workspace, small_config)
    journal.append(workspace.run(run).events, Paused(reason="system", problem="Asked to."))
    export(workspace, tmp_path / "all.zip")
    import_archive(other, tmp_path / "all.zip")
    summary = load_run(other, run).summary
    assert (summary.state, summary.state.can_go_on) == (RunState.PAUSED, True)
    assert contents(other.run(run).checkpoints) == contents(workspace.run(run).checkpoints)


def test_importing_twice_skips_what_is_here_and_other_content_is_refused(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    made = make(workspace, tmp_path / "pictures")
    (workspace.weights / "mine.pth").write_bytes(b"weights")
    export(workspace, tmp_path / "all.zip")
    import_archive(other, tmp_path / "all.zip")
    before = contents(other.root)

    again = import_archive(other, tmp_path / "all.zip")
    assert {placed.outcome for placed in again.placed} == {"skipped"}
    assert contents(other.root) == before

    (other.weights / "mine.pth").write_bytes(b"others")
    with pytest.raises(WorkspaceError, match=r"weights file 'mine\.pth'") as caught:
        import_archive(other, tmp_path / "all.zip")
    assert "--rename" in caught.value.remedy

    renamed = import_archive(other, tmp_path / "all.zip", rename=True)
    assert [placed.now for placed in renamed.placed if placed.outcome == "renamed"] == [
        "mine (2).pth"
    ]
    assert (other.weights / "mine.pth").read_bytes() == b"others"
    assert load_run(other, made.run).config.data == made.data


def test_a_renamed_data_set_is_the_one_its_runs_are_about(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    made = make(workspace, tmp_path / "pictures")
    open_test(workspace, made.run, "page")
    config = TrainConfig(data=made.data, weights=f"run:{made.run}")
    child, _ = create_run(workspace, config)
    journal.append(workspace.run(child).events, Cancelled())
    export(workspace, tmp_path / "all.zip")
    # another data set of the same name: the same pictures, split otherwise
    make_data(other, tmp_path / "others")
    info = other.dataset(made.data).info
    values = json.loads(info.read_bytes()) | {"split_hash": "0" * 64}
    info.write_text(json.dumps(values))
    # and a run of the same id that went on differently
    other.run(made.run).root.mkdir()
    other.run(made.run).config.write_bytes(workspace.run(made.run).config.read_bytes())

    placed = {
        item.name: item.now
        for item in import_archive(other, tmp_path / "all.zip", rename=True).placed
    }

    assert placed == {made.data: "lungs (2)", made.run: f"{made.run}-2", child: child}
    assert load_manifest(other, "lungs (2)").split_hash
    moved = load_run(other, f"{made.run}-2")
    assert moved.config.data == "lungs (2)"
    assert load_run(other, child).config.weights == f"run:{made.run}-2"
    assert looks(other, f"{made.run}-2").this_run == 1


def test_looks_of_deleted_runs_are_added_once(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    made = make(workspace, tmp_path / "pictures")
    open_test(workspace, made.run, "page")
    delete_run(workspace, made.run)
    kept = make_run(workspace, made.data)
    export(workspace, tmp_path / "all.zip")
    for _ in range(2):
        import_archive(other, tmp_path / "all.zip")
    assert looks(other, kept).total == looks(workspace, kept).total == 1


def test_a_flipped_byte_or_a_strange_file_refuses_the_whole_archive(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    make(workspace, tmp_path / "pictures")
    good = tmp_path / "all.zip"
    export(workspace, good)
    with zipfile.ZipFile(good) as packed:
        entry = next(item for item in packed.infolist() if item.filename.endswith(".png"))
    content = bytearray(good.read_bytes())
    content[entry.header_offset + 30 + len(entry.filename) + 20] ^= 1
    (tmp_path / "flipped.zip").write_bytes(content)
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])

    rebuilt = {"extra.zip": {"runs/evil/config.json": b"{}"}, "other.zip": {"app.py": b"evil"}}
    for name, files in rebuilt.items():
        with zipfile.ZipFile(tmp_path / name, "w") as packed, zipfile.ZipFile(good) as source:
            for item in source.infolist():
                packed.writestr(item, source.read(item))
            for file, content_ in files.items():
                packed.writestr(file, content_)
    with zipfile.ZipFile(tmp_path / "outside.zip", "w") as packed:
        packed.writestr("../evil", b"x")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as packed:
        packed.writestr("a/1.png", b"x")
    with zipfile.ZipFile(tmp_path / "named.zip", "w") as packed:
        entries = [{"path": "index.sqlite", "sha256": "", "bytes": 1, "modified": 0}]
        values = {"medxfer": "1", "created": "2026-01-01T00:00:00Z", "images": True,
                  "left_out": [], "entries": entries}  # fmt: skip
        packed.writestr("index.sqlite", b"x")
        packed.writestr(NAME, json.dumps(values))

    before = contents(other.root)
    for name in ("flipped", "cut", "extra", "other", "outside", "pictures", "named"):
        with pytest.raises(ArchiveError, match=rf"{name}\.zip"):
            import_archive(other, tmp_path / f"{name}.zip")
        assert contents(other.root) == before


def test_an_archive_of_a_newer_version_says_so(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as packed:
        packed.writestr(NAME, json.dumps({"schema_version": 99}))
    with pytest.raises(ArchiveError, match="newer version"):
        import_archive(other, tmp_path / "new.zip")


def test_what_changes_during_the_export_stops_it(workspace: Workspace, tmp_path: Path) -> None:
    make(workspace, tmp_path / "pictures")

    def meddle(step: str, done: int, total: int) -> None:
        workspace.dataset("lungs").splits.write_text("image,file,patient,split\n")

    with pytest.raises(WorkspaceError, match=r"splits\.csv changed"):
        export(workspace, tmp_path / "all.zip", tell=meddle)
    assert not list(tmp_path.glob("*all.zip*"))


def test_an_export_that_is_stopped_or_has_no_room_leaves_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(workspace, tmp_path / "pictures")

    def stop(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(workspace, tmp_path / "all.zip", tell=stop)
    (tmp_path / "taken.zip").write_bytes(b"mine")
    with pytest.raises(WorkspaceError, match="is there already"):
        export(workspace, tmp_path / "taken.zip")
    with pytest.raises(WorkspaceError, match="in the workspace itself"):
        export(workspace, workspace.weights / "all.zip")
    with monkeypatch.context() as patch:
        patch.setattr(exporting.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1}))
        with pytest.raises(WorkspaceError, match="are free"):
            export(workspace, tmp_path / "all.zip")
    assert [path.name for path in tmp_path.glob("*.zip*")] == ["taken.zip"]


def test_pictures_that_are_gone_are_named(workspace: Workspace, tmp_path: Path) -> None:
    make(workspace, tmp_path / "pictures")
    next((tmp_path / "pictures").glob("*001-0.png")).unlink()
    said = export(workspace, tmp_path / "all.zip")
    assert any("1 of 148 pictures of 'lungs'" in text for text in said.left_out)


def test_names_that_differ_in_case_only_travel(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    make(workspace, tmp_path / "pictures")
    import_source(workspace, tmp_path / "pictures" / "table.csv", ImportOptions(name="LUNGS"))
    export(workspace, tmp_path / "all.zip")
    import_archive(other, tmp_path / "all.zip")
    assert {path.name for path in other.datasets.iterdir()} == {"lungs", "LUNGS"}


_IMPORT = """
import sys, time
from pathlib import Path
from medxfer.archiving.importing import import_archive
from medxfer.paths import Workspace
def slowly(step, done, total):
    print("at it", flush=True)
    time.sleep(0.02)
import_archive(Workspace(Path(sys.argv[1])), Path(sys.argv[2]), tell=slowly)
"""


def test_pictures_travel_whatever_they_are_called(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    for number, name in enumerate(["stop/lock", "stop/a.tmp", "queued/thumbnails/x.lock"] * 8):
        path = tmp_path / "odd" / f"{name}{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 3 * number, np.uint8)).save(path)
    shutil.make_archive(str(tmp_path / "odd"), "zip", tmp_path / "odd")
    import_source(workspace, tmp_path / "odd.zip", ImportOptions(name="odd"))
    export(workspace, tmp_path / "all.zip")
    import_archive(other, tmp_path / "all.zip")
    assert changed_files(load_manifest(other, "odd")) == []


def test_an_import_killed_half_way_leaves_nothing_half(
    workspace: Workspace, other: Workspace, tmp_path: Path
) -> None:
    made = make(workspace, tmp_path / "pictures")
    export(workspace, tmp_path / "all.zip")
    process = subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(other.root), str(tmp_path / "all.zip")],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    assert not list(other.datasets.iterdir())
    assert not list(other.runs.iterdir())
    assert list(other.staging.iterdir())
    assert clear_abandoned(other) == 1
    assert not list(other.staging.iterdir())
    import_archive(other, tmp_path / "all.zip")
    assert load_run(other, made.run).summary.state is RunState.FINISHED


def test_a_run_that_is_executed_is_left_out(
    workspace: Workspace, small_config: TrainConfig, tmp_path: Path
) -> None:
    run = begin(workspace, small_config)
    with lock.held(workspace.run(run).lock, MedxferError("busy")):
        said = export(workspace, tmp_path / "all.zip")
    assert any(run in text and "running" in text for text in said.left_out)
    with zipfile.ZipFile(tmp_path / "all.zip") as packed:
        assert not [name for name in packed.namelist() if name.startswith("runs/")]


@pytest.mark.long
def test_memory_does_not_grow_with_the_files(workspace: Workspace, tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from medxfer.archiving.exporting import export\n"
        "from medxfer.archiving.importing import import_archive\n"
        "from medxfer.paths import Workspace\n"
        "export(Workspace(Path(sys.argv[1])), Path(sys.argv[2]))\n"
        "import_archive(Workspace.find(Path(sys.argv[3])), Path(sys.argv[2]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )

    def peak(name: str, megabytes: int) -> int:
        with (workspace.weights / "big.bin").open("wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1 << 20))
        archive, target = tmp_path / f"{name}.zip", tmp_path / name
        arguments = [sys.executable, "-c", code, str(workspace.root), str(archive), str(target)]
        return int(subprocess.run(arguments, check=True, capture_output=True).stdout)

    small, large = peak("small", 1), peak("large", 400)
    assert large - small < 30_000, f"{small} kB, then {large} kB"
