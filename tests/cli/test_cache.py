"""`medxfer cache`: what is kept, what it takes, and what may be removed."""

import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from medxfer.cache.room import CAP_VARIABLE, CacheRoom, Kind
from medxfer.cli.main import medxfer
from medxfer.errors import ConfigError
from medxfer.paths import Workspace

SIZE = 3_000_000


def invoke(workspace: Workspace, *arguments: str) -> Result:
    words = ["cache", *arguments, "--workspace", str(workspace.root)]
    return CliRunner().invoke(medxfer, words, standalone_mode=False)


def answer(workspace: Workspace, *arguments: str) -> Any:
    result = invoke(workspace, *arguments, "--json")
    assert result.exception is None
    return json.loads(result.stdout)


def stand(room: CacheRoom, kind: Kind, key: str) -> None:
    with room.shelf(kind, key, [SIZE], f"what {key} is") as shelf:
        shelf.put(0, np.random.default_rng(0).bytes(SIZE))
        shelf.commit()


@pytest.fixture
def full(room: CacheRoom) -> CacheRoom:
    stand(room, "pixels", "scans")
    stand(room, "features", "view1")
    return room


def test_what_is_kept_is_listed_with_its_size(
    workspace: Workspace, full: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAP_VARIABLE, "0.25")
    values = answer(workspace)
    assert values == answer(workspace, "list")
    assert {(kept["kind"], kept["key"], kept["words"]) for kept in values["kept"]} == {
        ("pixels", "scans", "what scans is"),
        ("features", "view1", "what view1 is"),
    }
    assert all(SIZE <= kept["bytes"] < SIZE + 100_000 for kept in values["kept"])
    assert values["bytes"] == sum(kept["bytes"] for kept in values["kept"])
    assert datetime.fromisoformat(values["kept"][0]["used"]).tzinfo is not None


def test_the_list_for_a_person_ends_with_total_and_cap(
    workspace: Workspace, full: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAP_VARIABLE, "0.25")
    heading, *rows, empty, total = invoke(workspace).stdout.splitlines()
    assert heading.split() == ["kind", "size", "last", "used", "what"]
    assert sorted(row.split()[0] for row in rows) == ["features", "pixels"]
    assert all("3.0 MB" in row for row in rows)
    assert empty == ""
    assert total == f"6.0 MB of at most 250.0 MB in {workspace.cache}"
    assert answer(workspace)["cap"] == 250_000_000


def test_an_empty_cache_says_so(workspace: Workspace) -> None:
    assert answer(workspace)["kept"] == []
    assert "Nothing is kept yet" in invoke(workspace).stdout
    assert "Nothing was removed" in invoke(workspace, "clear").stdout


def test_clearing_removes_one_kind_or_everything(workspace: Workspace, full: CacheRoom) -> None:
    cleared = answer(workspace, "clear", "--kind", "features")
    assert [kept["key"] for kept in cleared["removed"]] == ["view1"]
    assert cleared["bytes"] == cleared["removed"][0]["bytes"] >= SIZE
    assert [kept.key for kept in full.kept()] == ["scans"]
    assert invoke(workspace, "clear").stdout == "3.0 MB freed.\n"
    assert full.kept() == []


def test_what_is_open_is_left_and_named(workspace: Workspace, full: CacheRoom) -> None:
    with full.shelf("pixels", "scans", [SIZE], ""):
        cleared = answer(workspace, "clear")
        assert [kept["key"] for kept in cleared["removed"]] == ["view1"]
        assert [kept["key"] for kept in cleared["left"]] == ["scans"]
        assert invoke(workspace, "clear").stdout.splitlines() == [
            "Nothing was removed.",
            "Left, because it is in use: what scans is (3.0 MB)",
        ]
    assert [kept.key for kept in full.kept()] == ["scans"]


def test_a_workspace_named_before_the_command_clears_no_other(
    workspace: Workspace, full: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDXFER_HOME", str(workspace.root))
    words = ["cache", "--workspace", "/somewhere/else", "clear"]
    result = CliRunner().invoke(medxfer, words)
    assert result.exit_code == 2
    assert len(full.kept()) == 2


def test_a_cap_of_no_size_is_a_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAP_VARIABLE, "plenty")
    assert isinstance(invoke(workspace).exception, ConfigError)
