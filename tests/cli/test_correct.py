"""`medxfer data correct` and `corrections`, as a person and a script use them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from medxfer.audit.settling import kept_together
from medxfer.cli.main import medxfer
from medxfer.data.library import load_corrections, load_manifest
from medxfer.errors import ConfigError, DataError
from medxfer.paths import Workspace


def call(workspace: Workspace, *words: str) -> str:
    arguments = ["data", *words, "--workspace", str(workspace.root)]
    result = CliRunner().invoke(medxfer, arguments, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def read(workspace: Workspace, *words: str) -> Any:
    return json.loads(call(workspace, *words, "--json"))


def test_decisions_are_made_listed_and_undone(workspace: Workspace, small_data: str) -> None:
    table = load_manifest(workspace, small_data).table
    ident = str(table["image"][table["file"] == "train/PNEUMONIA/train1.png"].item())
    made = read(
        workspace, "correct", small_data, "--reason", "second reader", "--check", "label_doubts",
        "--exclude", "train/NORMAL/train0.png", "--exclude", "train/NORMAL/train1.png",
        "--relabel", ident, "NORMAL", "--move", "test/NORMAL/test2.png", "val",
    )  # fmt: skip
    assert made["corrections"] == [1, 2, 3]
    assert made["splits"] == {"train": 14, "val": 9, "test": 7, "excluded": 2}
    read(workspace, "correct", small_data, "--reason", "third reader", "--undo", "2")
    listed = read(workspace, "corrections", small_data)
    assert [row["action"] for row in listed] == ["exclude", "relabel", "move", "undo"]
    assert [row["in_force"] for row in listed] == [True, False, True, True]
    assert listed[1]["files"] == ["train/PNEUMONIA/train1.png"]
    assert listed[0].keys() >= {"number", "time", "images", "label", "split", "reason", "check"}
    after = load_manifest(workspace, small_data).table
    assert after["label"].equals(after["original label"])
    text = call(workspace, "corrections", small_data)
    assert "second reader" in text
    assert "relabel NORMAL" in text
    assert "undone" in text


def test_images_are_kept_one_by_one_and_pairs_as_such(
    workspace: Workspace, small_data: str
) -> None:
    table = load_manifest(workspace, small_data).table
    one, two, three = table["image"][:3]
    words = ("correct", small_data, "--reason", "seen")
    text = call(workspace, *words, "--keep", one, "--keep", two, "--keep", three)
    assert text.startswith("Recorded as correction 1, 2, 3.")
    assert "train again" not in text  # nothing changed
    made = read(workspace, *words, "--keep-both", one, table["file"][1], "--keep-both", two, three)
    assert made["corrections"] == [4, 5]
    kept = kept_together(load_corrections(workspace, small_data))
    assert kept == {*map(frozenset, [{one}, {two}, {three}, {one, two}, {two, three}])}
    with pytest.raises(ConfigError, match="are one image, not two"):
        call(workspace, *words, "--keep-both", one, table["file"][0])
    assert "train again" in call(workspace, *words, "--exclude", one)


def test_what_is_asked_must_make_sense(workspace: Workspace, small_data: str) -> None:
    assert call(workspace, "corrections", small_data) == "No corrections yet.\n"
    with pytest.raises(ConfigError, match="Nothing was asked for"):
        call(workspace, "correct", small_data, "--reason", "r")
    with pytest.raises(DataError, match=r"is no image 'lost\.png'"):
        call(workspace, "correct", small_data, "--reason", "r", "--exclude", "lost.png")
    with pytest.raises(DataError, match=r"are several images 'train0\.png'"):
        call(workspace, "correct", small_data, "--reason", "r", "--exclude", "train0.png")
    assert read(workspace, "corrections", small_data) == []
