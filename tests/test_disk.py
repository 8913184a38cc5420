"""Whether a folder lies on this computer's own disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from medxfer.disk import network_file_system
from medxfer.errors import WorkspaceError
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    network_file_system.cache_clear()
    yield
    network_file_system.cache_clear()


def _mount(monkeypatch: pytest.MonkeyPatch, **kinds: str) -> None:
    mounts = [SimpleNamespace(mountpoint=place, fstype=kind) for place, kind in kinds.items()]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)


def test_a_folder_of_this_machine_is_local(tmp_path: Path) -> None:
    assert network_file_system(tmp_path) == ""


def test_the_nearest_mount_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    _mount(monkeypatch, **{"/": "ext4", "/home": "nfs4", "/home/me/disk": "xfs"})
    assert network_file_system(Path("/home/me/work")) == "nfs4"
    assert network_file_system(Path("/home/me/disk/work")) == ""
    assert network_file_system(Path("/homes")) == ""


def test_of_two_mounts_on_one_point_the_later_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [
        SimpleNamespace(mountpoint="/data", fstype="autofs"),
        SimpleNamespace(mountpoint="/data", fstype="cifs"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    assert network_file_system(Path("/data/set")) == "cifs"


def test_no_index_is_opened_on_a_network_disk(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mount(monkeypatch, **{"/": "ext4", str(workspace.root): "nfs4"})
    with pytest.raises(WorkspaceError, match=r"network disk \(nfs4\).* a disk of this computer"):
        list_runs(workspace)
    assert not workspace.index.exists()


def test_a_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (tmp_path / "near").symlink_to(far)
    _mount(monkeypatch, **{"/": "ext4", str(far): "nfs"})
    assert network_file_system(tmp_path / "near") == "nfs"
