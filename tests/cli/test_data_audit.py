"""`medxfer data audit`: JSON for scripts, the verdict first for people."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from medxfer.audit import audit
from medxfer.audit.copies import PAIR_COLUMNS
from medxfer.cli.main import medxfer
from medxfer.data.manifest import Manifest
from medxfer.errors import DataError
from medxfer.paths import Workspace


class Looks:
    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def features(self) -> pd.DataFrame:
        return pd.DataFrame({"mean": range(len(self.rows))})


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pixel checks that are made up; one entry a time they ran."""
    times: list[int] = []

    def appearance(_: Any, rows: Any) -> Generator[tuple[int, int], None, Looks]:
        times.append(len(rows))
        yield len(rows), len(rows)
        return Looks(rows)

    def near(manifest: Manifest, *_: Any) -> Generator[tuple[int, int], None, pd.DataFrame]:
        yield 1, 1
        first, second = manifest.table["image"].iloc[[0, -1]]
        row = (first, second, "near", "mirrored", 0.97, True, True, False)
        return pd.DataFrame([row], columns=list(PAIR_COLUMNS))

    def checks() -> audit.Checks:
        return audit.Checks(
            appearance,
            lambda *_: pd.DataFrame(columns=list(PAIR_COLUMNS)),
            near,
            lambda *_: pd.DataFrame(columns=["image", "reason", "value"]),
        )

    monkeypatch.setattr(audit, "_checks", checks)
    return times


def call(workspace: Workspace, *words: object) -> Result:
    arguments = ["data", *map(str, words), "--workspace", str(workspace.root)]
    return CliRunner().invoke(medxfer, arguments, standalone_mode=False)


def test_an_audit_is_told_kept_and_made_afresh(
    workspace: Workspace, small_data: str, looked: list[int]
) -> None:
    answer = json.loads(call(workspace, "audit", small_data, "--json").stdout)
    assert answer.keys() >= {
        "verdict", "findings", "duplicates", "near_duplicates", "patients_across_splits",
        "too_few", "shortcuts", "quality", "label_doubts",
    }  # fmt: skip
    assert answer["label_doubts"] is None
    assert answer["verdict"]["trust"] == "not trustworthy"
    assert answer["findings"][0]["check"] == "near_duplicates"
    assert answer["near_duplicates"][0]["changes"] == "mirrored"
    told = call(workspace, "audit", small_data)
    assert told.stdout.startswith("Numbers from this data set would not be trustworthy: 1 thing")
    assert "BLOCKING: 1 pair of pictures are nearly the same" in told.stdout
    assert "mirrored" in told.stdout
    assert "Not checked: wrong labels and pictures" in told.stdout
    assert looked == [32]
    call(workspace, "audit", small_data, "--fresh")
    assert looked == [32, 32]


def test_an_import_says_how_to_audit_or_does_it(
    workspace: Workspace, small_data: str, looked: list[int], tmp_path: Path
) -> None:
    told = call(workspace, "import", tmp_path / small_data, "--name", "a")
    assert "Next: medxfer data audit 'a'" in told.stdout
    assert looked == []
    done = call(workspace, "import", tmp_path / small_data, "--name", "b", "--audit", "--json")
    answer = json.loads(done.stdout)
    assert answer["images"] == 32
    assert answer["verdict"]["trust"] == "not trustworthy"
    assert looked == [32]


def test_what_stops_an_audit_is_a_sentence(
    workspace: Workspace, small_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise DataError("A file vanished.", "Put it back.")

    monkeypatch.setattr(audit, "run_audit", refused)
    failed = call(workspace, "audit", small_data)
    assert str(failed.exception) == "A file vanished. Put it back."
    missing = call(workspace, "audit", "nothing")
    assert "no data set called 'nothing'" in str(missing.exception)
