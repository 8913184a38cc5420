"""Folders with loops, without end, with DICOM in them: what can be used is used."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from medxfer.data import building
from medxfer.data.importing import ImportOptions, import_source, preview
from medxfer.errors import DataError, WorkspaceError
from medxfer.paths import Workspace

Write = Callable[[Iterable[str]], Path]
OPTIONS = ImportOptions(name="set")
PICTURES = [f"{c}/{n}.png" for c in "AB" for n in range(6)]


def test_a_link_to_itself_is_listed(write: Write) -> None:
    source = write(PICTURES)
    (source / "A" / "loop1").symlink_to("loop1")
    (source / "A" / "up").symlink_to("..")
    found = preview(source, OPTIONS)
    assert found.classes == {"A": 6, "B": 6}
    reasons = {skip.file: skip.reason for skip in found.skipped}
    assert "leads back to itself" in reasons["A/loop1"]
    assert "not followed" in reasons["A/up"]


@pytest.mark.parametrize("name", ["d", "d" * 20])
def test_folders_nested_beyond_all_measure(write: Write, name: str) -> None:
    source = write(PICTURES)
    descriptor = os.open(source / "A", os.O_RDONLY)
    for _ in range(sys.getrecursionlimit() + 200):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    found = preview(source, OPTIONS)
    assert found.classes == {"A": 6, "B": 6}
    too_long = len(name) > 1
    assert [skip.reason for skip in found.skipped] == (
        ["This folder cannot be read: File name too long."] if too_long else []
    )
    subprocess.run(["rm", "-r", source], check=True)  # too deep for Python's own


def test_many_labels_are_an_id(write: Write) -> None:
    source = write(PICTURES)
    listed = [*PICTURES, *(f"A/gone{n}.png" for n in range(3))]
    (source / "t.csv").write_text("file,dx\n" + "".join(f"{f},{f}\n" for f in listed))
    found = preview(source / "t.csv", OPTIONS)
    assert len(found.classes) == 12
    few = [text for text in found.warnings if "patients each" in text]
    assert few == [
        "12 classes ('A/0.png', 'A/1.png', 'A/2.png', …) have fewer than 3 patients each; as many "
        "are needed to have one in each part."
    ]
    assert sum("no image in" in text for text in found.warnings) <= 2


def test_too_many_labels_are_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_MAX_CLASSES", 11)
    source = write(PICTURES)
    (source / "t.csv").write_text("file,dx\n" + "".join(f"{f},{f}\n" for f in PICTURES))
    with pytest.raises(DataError, match=r"12 different labels, .* looks like an id, not a class"):
        preview(source / "t.csv", OPTIONS)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(errno.ENOSPC, "the disk is full. Free some space"), (errno.EROFS, "Read-only file system")],
)
def test_a_full_disk_is_a_sentence(
    write: Write, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, fault: int, words: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(building, "write_info", full)
    with pytest.raises(WorkspaceError, match=words):
        import_source(workspace, write(PICTURES), OPTIONS)
    assert not list(workspace.datasets.iterdir())
    assert not list(workspace.staging.iterdir())


def test_drawn_parts_are_told_in_words(write: Write) -> None:
    found = preview(write(PICTURES), OPTIONS)
    assert found.split_notes[0].endswith("seed 0: validation 15 %, test 15 %.")
