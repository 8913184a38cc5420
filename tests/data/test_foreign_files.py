"""What people's files do that no other room of tests sees to: one loader, odd names, odd codecs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from medxfer.cache.room import CacheRoom
from medxfer.data import archive
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.data.readers import Wanted, decode, read_picture
from medxfer.data.table_text import read_text_table
from medxfer.data.thumbnails import thumbnail
from medxfer.errors import ArchiveError, ImageError
from medxfer.paths import Workspace

Encode = Callable[..., bytes]
OPTIONS = ImportOptions(name="set")
UPRIGHT = np.zeros((60, 40), np.uint8)
UPRIGHT[:20, :10] = 200
"""A bright corner at the upper left of what is to be seen."""


def turned(path: Path, seed: int) -> None:
    """A picture lying on its side, with the mark (EXIF orientation 6) that says so."""
    noise = np.random.default_rng(seed).integers(0, 20, UPRIGHT.shape, np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rot90(UPRIGHT + noise)).save(path, exif=exif)


def test_training_and_every_view_turn_a_picture_alike(tmp_path: Path, workspace: Workspace) -> None:
    for number in range(12):
        turned(tmp_path / "scans" / ("sick" if number % 2 else "well") / f"{number}.png", number)
    import_source(workspace, tmp_path / "scans", OPTIONS)
    manifest = load_manifest(workspace, "set")
    row = manifest.table.iloc[0]
    assert (row["width"], row["height"]) == (40, 60)
    seen = read_picture(manifest.paths()[0]).pixels[..., 0]
    with PixelStore(CacheRoom(workspace.cache), manifest) as store:
        list(store.fill(np.arange(12)))
        learned = store.take(np.array([0]))[0, 0]
    np.testing.assert_array_equal(learned, seen)
    small = np.asarray(Image.open(BytesIO(thumbnail(workspace, "set", row))))[..., 0]
    for picture in (seen, learned, small):
        assert picture.shape == (60, 40)
        assert picture[:15, :8].min() > 100
        assert picture[:, 15:].max() < 100


@pytest.mark.parametrize(
    ("syntax", "words"),
    [
        (JPEGLSLossless, r"uses JPEG-LS Lossless .*cannot read\. Convert it with `dcmdjpls`"),
        (JPEG2000Lossless, r"uses JPEG 2000 .*cannot read\. Convert it with `gdcmconv --raw`"),
        (RLELossless, r"uses RLE Lossless, .*cannot read\. Convert it with `dcmdrle`"),
    ],
)
def test_a_compression_without_its_decoder_names_a_way_out(
    dicom: Encode, monkeypatch: pytest.MonkeyPatch, syntax: str, words: str
) -> None:
    dataset = dcmread(BytesIO(dicom(UPRIGHT)))
    dataset.compress(syntax, generate_instance_uid=False)
    buffer = BytesIO()
    dataset.save_as(buffer)
    assert decode(buffer.getvalue(), "scan.dcm", Wanted()).pixels.shape == (60, 40, 3)
    missing = SimpleNamespace(is_available=False)
    monkeypatch.setattr("medxfer.data.dicom.get_decoder", lambda _: missing)
    with pytest.raises(ImageError, match=rf"^scan\.dcm {words}"):
        decode(buffer.getvalue(), "scan.dcm", Wanted())


def pictures(path: Path, names: list[str]) -> Path:
    """A ZIP file of pictures under these names."""
    with zipfile.ZipFile(path, "w") as file:
        for number, name in enumerate(names):
            pixels = np.random.default_rng(number).integers(0, 255, (40, 48), np.uint8)
            buffer = BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            file.writestr(name, buffer.getvalue())
    return path


NAMES = [f"{label}/{number}.png" for label in ("sick", "well") for number in range(6)]


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert archive.FOREIGN.entries == 200_000
    monkeypatch.setattr(archive, "FOREIGN", archive.Limits(entries=len(NAMES) - 1))
    source = pictures(tmp_path / "many.zip", NAMES)
    with pytest.raises(ArchiveError, match=r"many\.zip was refused: it holds 12 entries"):
        archive.unpack(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path, workspace: Workspace) -> None:
    inner = pictures(tmp_path / "inner.zip", ["sick/hidden.png"])
    source = pictures(tmp_path / "outer.zip", NAMES)
    with zipfile.ZipFile(source, "a") as file:
        file.writestr("sick/inner.zip", inner.read_bytes())
    report = import_source(workspace, source, OPTIONS)
    assert report.images == 12
    assert [entry.file for entry in report.skipped] == ["sick/inner.zip"]
    assert "a ZIP archive" in report.skipped[0].reason


def test_names_that_other_systems_cannot_have_are_only_names(
    tmp_path: Path, workspace: Workspace
) -> None:
    odd = ["sick/CON.png", "sick/aux.png", "well/two\tparts.png", "well/=1+1.png"]
    source = pictures(tmp_path / "odd.zip", [*NAMES, *odd, "well/ab.png"])
    # A name in the letters of an old system, which says nothing of them.
    source.write_bytes(source.read_bytes().replace(b"well/ab.png", b"well/\x81\xff.png"))
    report = import_source(workspace, source, OPTIONS)
    assert report.images == 17
    files = set(load_manifest(workspace, "set").table["file"])
    assert {*odd, "well/ü\xa0.png"} <= files


def test_a_decimal_comma_does_not_part_a_cell() -> None:
    read = read_text_table(b"file;label;dose\na.png;sick;3,5\nb.png;well;0,25\n", "t.csv")
    assert read.rows["dose"].tolist() == ["3,5", "0,25"]
