"""Paths and names as people type them: used, or refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medxfer.data.importing import ImportOptions, import_source, preview
from medxfer.errors import DataError, WorkspaceError
from medxfer.paths import HOME_VARIABLE, Workspace, check_name, typed_path

OPTIONS = ImportOptions(name="set")
NO_TEXT = os.fsdecode(b"/\xff")


def test_what_is_typed_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert typed_path(" '~/a b' ") == tmp_path / "a b"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="'' is not a path"):
        typed_path(" ")
    assert typed_path(Path("x")) == tmp_path / "x"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("x" * 300, "longer than a path can be"),
        ("xxxx/" * 1000, "longer than a path can be"),
        ("~nobody-of-this-name/x", "home folder in ~nobody-of-this-name/x is not known"),
        ("a\x00b", "is not a path"),
        (NO_TEXT, "not valid UTF-8"),
    ],
)
def test_what_cannot_be_a_path(
    typed: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace.find(tmp_path / "workspace")
    with pytest.raises(DataError, match=words) as refused:
        preview(Path(typed), OPTIONS)
    assert str(refused.value).encode()
    with pytest.raises(DataError, match=words):
        import_source(workspace, Path(typed), OPTIONS)
    with pytest.raises(WorkspaceError, match=words):
        Workspace.find(Path(typed))
    if "\x00" not in typed:
        monkeypatch.setenv(HOME_VARIABLE, typed)
        with pytest.raises(WorkspaceError, match=words):
            Workspace.find()


def test_names_fit_a_file_system() -> None:
    assert check_name("ü" * 80, "data set") == "ü" * 80
    with pytest.raises(WorkspaceError, match="takes 320 bytes, the limit is 200"):
        check_name("\U00010400" * 80, "data set")
    with pytest.raises(WorkspaceError, match="cannot be used as the name") as refused:
        check_name(NO_TEXT, "data set")
    assert str(refused.value).encode()
