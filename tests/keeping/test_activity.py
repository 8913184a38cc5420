"""The list of who did what: whole under many writers, and honest about what was done to it."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from medxfer.activity import acts, note, verify
from medxfer.cli.main import medxfer
from medxfer.errors import WorkspaceError
from medxfer.paths import Workspace

ROOT = Path(__file__).resolve().parents[2]
WRITER = (
    "import sys; from medxfer.activity import note; from medxfer.paths import Workspace\n"
    "for number in range(10): note(Workspace.find(sys.argv[1]), sys.argv[2], 'did', str(number))"
)


@pytest.fixture
def written(workspace: Workspace) -> Workspace:
    for thing in ("one", "two", "three"):
        note(workspace, "ann@clinic.example", "imported", f"data set {thing}")
    return workspace


def lines(workspace: Workspace) -> list[str]:
    return workspace.activity.read_text().splitlines(keepends=True)


def test_what_was_done_is_read_back_the_latest_first(written: Workspace) -> None:
    found = acts(written)
    assert [act.thing for act in found] == ["data set three", "data set two", "data set one"]
    assert (found[0].number, found[0].who, found[0].result) == (3, "ann@clinic.example", "done")
    assert found[0].time >= found[2].time
    assert found[0].time.tzinfo is not None
    assert verify(written) == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda all_: [all_[0], all_[1].replace("ann", "bob"), all_[2]],
        lambda all_: [all_[0], all_[2]],
        lambda all_: all_[1:],
        lambda all_: all_[:-1],
        lambda all_: [],
        lambda all_: [*all_[:-1], all_[-1].replace("ann", "bob")],
        lambda all_: [all_[1], all_[0], all_[2]],
        lambda all_: [all_[0], all_[0], *all_[1:]],
        lambda all_: [all_[0], "{}\n", all_[2]],
        lambda all_: [all_[0], "nonsense\n", all_[2]],
    ],
    ids=["changed", "removed", "head", "tail", "all", "last", "swapped", "twice", "empty", "torn"],
)
def test_a_list_that_was_tampered_with_is_found(written: Workspace, harm: object) -> None:
    written.activity.write_text("".join(harm(lines(written))))  # type: ignore[operator]
    assert verify(written)
    answer = CliRunner().invoke(medxfer, ["activity", "--check", "--workspace", str(written.root)])
    assert isinstance(answer.exception, WorkspaceError)
    note(written, "ann@clinic.example", "imported", "data set four")  # and the list goes on
    assert acts(written)[0].thing == "data set four"


def test_the_count_beside_the_list_is_missed(written: Workspace) -> None:
    written.activity.with_suffix(".count").unlink()
    assert verify(written) == ["The count of the list of activity is missing."]


def test_a_line_that_a_crash_cut_off_is_dropped_and_nothing_is_wrong(written: Workspace) -> None:
    with written.activity.open("a") as file:
        file.write('{"number": 4, "who": "an')
    assert verify(written) == []
    note(written, "ann@clinic.example", "deleted", "data set one")
    assert [act.number for act in acts(written)] == [4, 3, 2, 1]
    assert verify(written) == []


def test_a_crash_between_line_and_count_is_no_tampering(written: Workspace) -> None:
    count = written.activity.with_suffix(".count")
    before = count.read_bytes()
    note(written, "ann@clinic.example", "deleted", "data set one")
    count.write_bytes(before)
    assert verify(written) == []


def test_threads_and_processes_write_one_whole_list(workspace: Workspace) -> None:
    with ThreadPoolExecutor(8) as pool:
        processes = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(workspace.root), f"process{who}"],
                             cwd=ROOT) for who in range(3)
        ]  # fmt: skip
        list(pool.map(lambda n: note(workspace, "thread", "did", str(n)), range(30)))
        assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert verify(workspace) == []
    assert [act.number for act in acts(workspace)] == list(range(60, 0, -1))


def test_long_and_strange_text_is_one_line(workspace: Workspace) -> None:
    note(workspace, "eve\n\u202e", "imported", "x" * 10_000 + "\u2028")
    note(workspace, "\udcff", "imported", "a\ud800b")
    assert len(lines(workspace)) == 2
    assert len(acts(workspace)[1].thing) == 300
    assert verify(workspace) == []


def test_a_list_that_cannot_be_written_is_a_sentence(workspace: Workspace) -> None:
    workspace.activity.mkdir()
    with pytest.raises(WorkspaceError, match="What was done stays done"):
        note(workspace, "ann", "imported")


def test_the_command_shows_the_latest(written: Workspace) -> None:
    arguments = ["activity", "--last", "2", "--workspace", str(written.root)]
    text = CliRunner().invoke(medxfer, arguments).output
    assert "data set three" in text
    assert "data set one" not in text
    assert "3 lines, none changed or missing." in text
    answer = json.loads(CliRunner().invoke(medxfer, [*arguments, "--json"]).output)
    assert (answer["lines"], answer["problems"], len(answer["acts"])) == (3, [], 2)
