"""The command line: answers for scripts, sentences for people, exit codes for both."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from medxfer import RESEARCH_USE_ONLY, lock
from medxfer.cli import main as command
from medxfer.cli.output import table
from medxfer.data.library import load_manifest
from medxfer.errors import MedxferError, RunError
from medxfer.events import Finished
from medxfer.executors import local, presence
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.execute import execute
from medxfer.runs.store import create_run

TRAIN = ["--weights", "none", "--strategy", "none", "--epochs", "1", "--batch-size", "8",
         "--learning-rate", "1e-3", "--device", "cpu"]  # fmt: skip


@pytest.fixture
def call(workspace: Workspace) -> Callable[..., Any]:
    """Run a command in this process with --json and give its object."""

    def run(*arguments: object, code: int = 0) -> Any:
        result = invoke(*arguments, "--workspace", workspace.root, "--json")
        assert exit_code(result) == code, result.output + repr(result.exception)
        return json.loads(result.stdout)

    return run


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(
        command.medxfer, [str(argument) for argument in arguments], standalone_mode=False
    )


def exit_code(result: Result) -> int:
    value = result.return_value
    return value if isinstance(value, int) else result.exit_code


def in_a_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from medxfer.cli.main import main; main()", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_main_job(call: Callable[..., Any], small_data: str, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    imported = call("data", "import", folder, "--name", "again")
    assert imported["name"] == "again"
    assert imported["images"] == 32
    assert imported["classes"] == ["NORMAL", "PNEUMONIA"]
    assert imported["splits"] == {"train": 16, "val": 8, "test": 8}
    assert imported["patients"] == 32
    assert imported["skipped"] == []

    trained = call("train", "--data", "again", "--views", 3, *TRAIN)
    assert trained.keys() >= {"run", "state", "best_epoch", "seconds", "validation"}
    assert trained["state"] == "finished"
    assert trained["validation"].keys() >= {"auroc", "accuracy", "loss"}
    run = trained["run"]
    acts = [(act["what"], act["thing"]) for act in call("activity")["acts"]]
    assert acts == [("started", f"run {run} on again"), ("imported", "data set again")]

    (listed,) = call("runs", "list")
    assert listed.items() >= {
        "run": run, "state": "finished", "data": "again", "depth": 18, "strategy": "none",
    }.items()  # fmt: skip
    shown = call("runs", "show", run)
    assert len(shown["history"]) == 1
    assert shown["config"]["views"] == 3
    stopped = call("runs", "stop", run)
    assert stopped == {
        "run": run, "state": "finished", "stop_requested": False, "state_now": "finished"
    }  # fmt: skip

    for split, n in {"test": 8, "val": 8, "train": 16}.items():
        judged = call("evaluate", run, "--split", split)
        assert (judged["run"], judged["split"], judged["n"]) == (run, split, n)
        assert judged["classes"] == ["NORMAL", "PNEUMONIA"]
        assert sum(map(sum, judged["confusion_matrix"])) == n
        right = judged["confusion_matrix"][0][0] + judged["confusion_matrix"][1][1]
        assert judged["metrics"]["accuracy"]["value"] == pytest.approx(right / n)

    scan, wrong = folder / "test" / "PNEUMONIA" / "test0.png", tmp_path / "page.png"
    wrong.write_text("<html>not a scan</html>")
    out = tmp_path / "heatmaps"
    explained = call("explain", run, scan, wrong, "--out", out, code=2)
    (answer,) = explained["files"]
    assert answer["file"] == str(scan)
    assert answer["prediction"] in imported["classes"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    with Image.open(answer["heatmap"]) as heatmap:
        assert heatmap.width >= 64
    assert answer["familiarity"]["familiar"] is True
    assert len(answer["familiarity"]["similar"]) == 5
    assert answer["agreement"]["shifts"] == 8
    (refused,) = explained["refused"]
    assert "page.png" in refused["reason"]
    assert refused["familiarity"] is None

    stranger = tmp_path / "photo.png"
    ramp = Image.linear_gradient("L")
    Image.merge("RGB", [ramp.rotate(turn) for turn in (0, 90, 180)]).save(stranger)
    unlike = call("explain", run, stranger, "--out", out, code=2)
    assert unlike["files"] == []
    (refused,) = unlike["refused"]
    assert "unlike the scans" in refused["reason"]
    assert "--insist" in refused["reason"]
    assert refused["familiarity"]["familiar"] is False
    (answer,) = call("explain", run, stranger, "--out", out, "--insist")["files"]
    assert answer["familiarity"]["familiar"] is False
    assert answer["prediction"] in imported["classes"]
    assert "because a person insisted" in answer["sentence"]


def test_a_path_is_imported_and_decoded_on_the_way_and_once(
    small_data: str, tmp_path: Path, workspace: Workspace
) -> None:
    folder = tmp_path / "small"
    folder.rename(tmp_path / "scans")
    words = ["train", "--data", tmp_path / "scans", *TRAIN, "--workspace", workspace.root]
    first, again = invoke(*words), invoke(*words)
    assert first.stdout.startswith("Finished.")
    assert again.stdout.startswith("Finished.")
    assert "Decoding images: 24\n" in first.stderr
    assert "Decoding" not in again.stderr
    assert len(load_manifest(workspace, "scans")) == 32


def test_lists_are_empty_before_anything_is_there(call: Callable[..., Any]) -> None:
    assert call("data", "list") == []
    assert call("runs", "list") == []


def test_data_sets_are_listed_and_shown(call: Callable[..., Any], small_data: str) -> None:
    (listed,) = call("data", "list")
    shown = call("data", "show", small_data)
    assert listed["name"] == shown["name"] == small_data
    assert shown["counts"]["NORMAL"] == {"train": 8, "val": 4, "test": 4}
    assert any("patient" in warning.lower() for warning in shown["warnings"])


def test_a_stop_is_asked_for(
    call: Callable[..., Any], workspace: Workspace, small_config: Any
) -> None:
    run, _ = create_run(workspace, small_config)
    assert call("runs", "stop", run)["stop_requested"] is True
    assert workspace.run(run).stop_request.exists()
    journal.append(workspace.run(run).events, Finished(seconds=1))
    assert call("runs", "stop", run)["stop_requested"] is False


def test_the_queue_is_told_moved_left_and_taken_up_again(
    call: Callable[..., Any], workspace: Workspace, small_config: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(local, "spawn", lambda arguments, log: 0)
    first, second = (local.start(workspace, small_config) for _ in range(2))
    assert call("runs", "move", second, "first") == {"run": second, "state": "waiting", "place": 1}
    assert {row["run"]: row["place"] for row in call("runs", "list")} == {first: 2, second: 1}
    shown = invoke("runs", "list", "--workspace", workspace.root)
    assert "no worker runs" in shown.stderr
    cancelled = call("runs", "stop", second)
    assert (cancelled["state"], cancelled["state_now"]) == ("waiting", "cancelled")
    assert cancelled["stop_requested"] is False
    assert call("runs", "resume", second) == {"run": second, "state": "waiting", "place": 2}
    journal.append(workspace.run(first).events, Finished(seconds=1))
    workspace.run(first).queued.unlink()
    refused = invoke("runs", "resume", first, "--workspace", workspace.root)
    assert "cannot go on" in str(refused.exception)
    for words in (["move", first, "up"], ["resume", "nothing"], ["move", "nothing", "up"]):
        refused = invoke("runs", *words, "--workspace", workspace.root)
        assert isinstance(refused.exception, MedxferError)


def test_a_second_worker_names_the_first(workspace: Workspace) -> None:
    with lock.held(workspace.supervisor, RunError("")):
        presence.tell(workspace, datetime.now(UTC))
        refused = invoke("worker", "--workspace", workspace.root)
    assert f"process {os.getpid()}" in str(refused.exception)


def test_what_is_in_use_is_not_deleted_and_all_else_is(
    call: Callable[..., Any], workspace: Workspace, small_config: Any, tmp_path: Path
) -> None:
    run, _ = create_run(workspace, small_config)
    for words in (["data", "delete", "small"], ["runs", "delete", run]):
        refused = invoke(*words, "--workspace", workspace.root)
        assert isinstance(refused.exception, MedxferError)
        assert run in str(refused.exception)
    journal.append(workspace.run(run).events, Finished(seconds=1))
    assert call("runs", "delete", run) == {"run": run, "deleted": True}
    assert call("data", "delete", "small") == {"name": "small", "deleted": True}
    assert call("runs", "list") == call("data", "list") == []
    assert len(list((tmp_path / "small").rglob("*.png"))) == 32


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "show", "nothing"], "no data set called 'nothing'"),
        (["data", "import", "/nowhere", "--name", "x"], "/nowhere"),
        (["runs", "show", "nothing"], "no run 'nothing'"),
        (["evaluate", "nothing"], "no run 'nothing'"),
        (["train", "--data", "nothing", "--weights", "none"], "no data set called 'nothing'"),
        (["train", "--data", "x", "--depth", "19", "--epochs", "0"], "depth = 19"),
        (["train", "--data", "x", "--views", "65"], "views = 65"),
        (["train"], "Missing option"),
        (["frobnicate"], "No such command"),
    ],
)
def test_what_the_person_can_mend_is_one_sentence_and_code_2(
    workspace: Workspace, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MEDXFER_HOME", str(workspace.root))
    monkeypatch.setattr(sys, "argv", ["medxfer", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert words in output.err
    assert "Traceback" not in output.err
    assert output.out == ""


def test_a_fault_of_ours_is_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workspace: Workspace
) -> None:
    monkeypatch.setattr("medxfer.cli.runs.list_runs", lambda _: 1 / 0)
    monkeypatch.setattr(
        sys, "argv", ["medxfer", "runs", "list", "--workspace", str(workspace.root)]
    )
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    assert "fault of medxfer itself" in capsys.readouterr().err


def test_answers_and_progress_do_not_mix(
    workspace: Workspace, small_data: str, tmp_path: Path
) -> None:
    done = in_a_process(
        "data", "import", tmp_path / "small", "--name", "b", "--json", "--workspace", workspace.root
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["name"] == "b"
    assert "Reading images" in done.stderr


def test_the_research_use_line_stands_on_help_and_results(
    workspace: Workspace, small_config: Any, tmp_path: Path
) -> None:
    assert RESEARCH_USE_ONLY in " ".join(invoke("--help").output.split())
    run, _ = create_run(workspace, small_config.model_copy(update={"epochs": 1}))
    assert [event.kind for event in execute(workspace, run)][-1] == "finished"
    scan = next((tmp_path / "small" / "test").glob("*/*.png"))
    for words in (["evaluate", run], ["explain", run, scan, "--out", tmp_path / "maps"]):
        assert RESEARCH_USE_ONLY in invoke(*words, "--workspace", workspace.root).stdout


def test_tables_are_aligned_and_show_what_is_missing() -> None:
    rows = [{"a": "x", "b": 0.5}, {"a": "longer", "b": None}]
    assert table(rows, {"a": "name", "b": "AUROC"}) == "name    AUROC\nx       0.500\nlonger  –"
