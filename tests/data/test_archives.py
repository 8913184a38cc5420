"""ZIP files: unpacked whole, or refused whole."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from medxfer.data import archive
from medxfer.errors import ArchiveError


def packed(path: Path, names: list[str | zipfile.ZipInfo], data: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, data)
    return path


def test_a_good_archive_is_unpacked(tmp_path: Path) -> None:
    source = packed(tmp_path / "good.zip", ["a/1.txt", "b/ü 2.txt"])
    archive.unpack(source, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.txt")) == ["1.txt", "ü 2.txt"]


@pytest.mark.parametrize(
    "name",
    ["../../evil", "/abs", "C:\\x", "a/../../evil", "a\\..\\..\\evil", "x" * 300],
)
def test_unsafe_names_refuse_the_whole_archive(tmp_path: Path, name: str) -> None:
    source = packed(tmp_path / "bad.zip", ["good.txt", name])
    with pytest.raises(ArchiveError, match=r"bad\.zip was refused"):
        archive.unpack(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_with_nul_is_refused(tmp_path: Path) -> None:
    source = packed(tmp_path / "nul.zip", ["evilNpng"])
    source.write_bytes(source.read_bytes().replace(b"evilN", b"evil\x00"))
    with pytest.raises(ArchiveError, match=r"nul\.zip"):
        archive.unpack(source, tmp_path / "out")


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ArchiveError, match="link or device"):
        archive.unpack(packed(tmp_path / "link.zip", [link], b"/etc/passwd"), tmp_path / "out")


@pytest.mark.parametrize(
    "pair",
    [
        ["IMG.png", "img.png"], ["\u00e9.png", "e\u0301.png"], ["A/x", "./A/x"], ["A/x", "A//x"],
    ],
)  # fmt: skip
def test_names_that_are_one_name_elsewhere_are_refused(tmp_path: Path, pair: list[str]) -> None:
    with pytest.raises(ArchiveError, match="have the same name"):
        archive.unpack(packed(tmp_path / "twins.zip", list(pair)), tmp_path / "out")


def test_a_bomb_is_refused_before_writing(tmp_path: Path) -> None:
    source = packed(tmp_path / "bomb.zip", ["zeros.png"], bytes(30 * 2**20))
    with pytest.raises(ArchiveError, match="would unpack to 31 MB"):
        archive.unpack(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    source = packed(tmp_path / "overlap.zip", ["1.png", "2.png"], os.urandom(2000))
    with zipfile.ZipFile(source) as file:
        file.infolist()[1].header_offset = file.infolist()[0].header_offset
        with pytest.raises(ArchiveError, match="would unpack"):
            archive.check(file, "overlap.zip")


def test_passwords_are_named(tmp_path: Path) -> None:
    source = packed(tmp_path / "locked.zip", ["1.png"])
    with zipfile.ZipFile(source) as file:
        file.infolist()[0].flag_bits |= 1
        with pytest.raises(ArchiveError, match="password"):
            archive.check(file, "locked.zip")


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_cut_or_other_files_are_named(tmp_path: Path, keep: float) -> None:
    source = packed(tmp_path / "cut.zip", ["1.png"], os.urandom(5000))
    data = source.read_bytes()
    source.write_bytes(b"Rar!\x1a" + data[: int(len(data) * keep)])
    with pytest.raises(ArchiveError, match=r"cut\.zip cannot be unpacked"):
        archive.unpack(source, tmp_path / "out")


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    source = packed(tmp_path / "flip.zip", ["1.png"], os.urandom(5000))
    data = bytearray(source.read_bytes())
    data[1000] ^= 0xFF
    source.write_bytes(bytes(data))
    with pytest.raises(ArchiveError, match="damaged"):
        archive.unpack(source, tmp_path / "out")


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    source = packed(tmp_path / "both.zip", ["A/b/x.png", "a"])
    with pytest.raises(ArchiveError, match="'a' is there as a file and as a folder"):
        archive.unpack(source, tmp_path / "out")


@pytest.mark.parametrize("name", ["a/" * 600 + "x", "./."])
def test_names_no_file_can_have_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="not a usable file name"):
        archive.unpack(packed(tmp_path / "odd.zip", [name]), tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_any_compression_is_named(tmp_path: Path, method: int) -> None:
    source = tmp_path / "hurt.zip"
    with zipfile.ZipFile(source, "w", method) as file:
        file.writestr("1.png", os.urandom(50_000))
    data = bytearray(source.read_bytes())
    data[60:400] = bytes(340)
    source.write_bytes(bytes(data))
    with pytest.raises(ArchiveError, match=r"hurt\.zip cannot be unpacked: it is damaged"):
        archive.unpack(source, tmp_path / "out")
    with (
        archive.opened(source) as opened,
        pytest.raises(ArchiveError, match=r"hurt\.zip cannot be unpacked"),
    ):
        archive.tree(opened, "hurt.zip").read("1.png")


def test_our_own_faults_are_not_called_damage(tmp_path: Path) -> None:
    source = packed(tmp_path / "good.zip", ["./a//1.txt"])
    with archive.opened(source) as opened:
        assert archive.tree(opened, "good.zip").read("a/1.txt") == b"x"
    with pytest.raises(ValueError, match="ours"), archive.opened(source):
        raise ValueError("ours")
