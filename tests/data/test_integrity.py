"""Noticing changed files: by content, with one stat for those that were not touched."""

import os
import shutil

import pytest

from medxfer.data.integrity import changed_files, check_unchanged
from medxfer.data.library import load_manifest
from medxfer.errors import DataError
from medxfer.paths import Workspace


def test_a_copy_with_another_time_stamp_is_the_same_file(
    workspace: Workspace, small_data: str
) -> None:
    manifest = load_manifest(workspace, small_data)
    for path in manifest.paths():
        os.utime(path, (1, 1))
    assert changed_files(manifest) == []


def test_changed_cut_and_vanished_files_are_named(workspace: Workspace, small_data: str) -> None:
    manifest = load_manifest(workspace, small_data)
    swapped, cut, gone = manifest.paths()[:3]
    content = bytearray(swapped.read_bytes())
    content[-1] ^= 1
    swapped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-1])
    gone.unlink()
    assert changed_files(manifest) == manifest.table["file"].tolist()[:3]
    with pytest.raises(DataError, match="3 of 32 files"):
        check_unchanged(manifest)
    shutil.rmtree(manifest.root)
    with pytest.raises(DataError, match="32 of 32 files"):
        check_unchanged(manifest)
