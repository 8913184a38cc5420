"""NIfTI volumes: how they lie, which slice is shown, and what is refused."""

from __future__ import annotations

import gzip
import shutil
import sys
import zlib
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.nifti1 import header_dtype
from numpy.typing import NDArray

from medxfer.cache.room import CacheRoom
from medxfer.data import quarantine
from medxfer.data.importing import ImportOptions, import_source, preview
from medxfer.data.library import load_manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.data.readers import Picture, Wanted, decode, read_known_bytes, read_picture_bytes
from medxfer.errors import ImageError
from medxfer.paths import Workspace

RAS = np.diag([2.0, 3.0, 4.0, 1.0])
"""Rows of 3 mm, columns of 2 mm; axes run to the right, to the front and up."""
BODY = np.random.default_rng(0).integers(0, 3000, (40, 50, 9)).astype(np.int16)
"""(side to side, back to front, feet to head), from the patient's left to the right."""


def volume(
    values: NDArray[Any] = BODY, affine: NDArray[np.float64] | None = RAS, **header: Any
) -> bytes:
    """Bytes of a volume, with fields of its header changed afterwards, whatever they are."""
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm")
    data = bytearray(image.to_bytes())
    fields = np.frombuffer(data, header_dtype, 1)
    for field, value in header.items():
        fields[field] = value
    return bytes(data)


def read(data: bytes, name: str = "brain.nii", **wanted: Any) -> Picture:
    return read_picture_bytes(data, name, Wanted(**wanted))


def meant(picture: Picture) -> NDArray[np.float64]:
    assert picture.deep is not None
    return picture.deep.values * picture.deep.slope + picture.deep.intercept


def as_seen(body: NDArray[Any], slice_number: int) -> NDArray[Any]:
    """Front up; the patient's right on the left of the screen, pixel by pixel."""
    across, deep, _ = body.shape
    seen = np.empty((deep, across), body.dtype)
    for row, column in np.ndindex(seen.shape):
        seen[row, column] = body[across - 1 - column, deep - 1 - row, slice_number - 1]
    return seen


def test_an_axial_slice_is_shown_as_radiologists_look_at_it() -> None:
    picture = read(volume(), deep=True)
    assert (picture.format, picture.mode) == ("NIfTI", "I;16")
    assert (picture.frames, picture.frame) == (9, 5)
    assert picture.notes[0] == "it holds 9 pictures; number 5 is used"
    np.testing.assert_array_equal(meant(picture), as_seen(BODY, 5))
    assert picture.spacing == (3.0, 2.0)
    assert picture.spacing_note == ""
    assert picture.origin is None
    assert (picture.pixels[..., 0] == picture.pixels[..., 2]).all()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_volumes_stored_in_any_order_and_direction_look_the_same(order: tuple[int, ...]) -> None:
    expected = read(volume(), deep=True)
    for flips in product((1, -1), repeat=3):
        axes = [[axis, flips[axis]] for axis in np.argsort(order)]
        turned = nibabel.Nifti1Image(BODY, RAS).as_reoriented(np.array(axes, dtype=float))
        turned.header.set_xyzt_units("mm")
        found = read(turned.to_bytes(), deep=True)
        np.testing.assert_array_equal(meant(found), meant(expected))
        assert found.spacing == expected.spacing
        assert (found.frames, found.notes) == (expected.frames, expected.notes)


def test_an_oblique_volume_is_taken_as_the_nearest_straight_one() -> None:
    angle = np.radians(20)
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    picture = read(volume(affine=tilt @ RAS), deep=True)
    np.testing.assert_array_equal(meant(picture), as_seen(BODY, 5))
    assert picture.spacing == pytest.approx((3.0, 2.0), abs=1e-5)


def test_any_slice_can_be_asked_for() -> None:
    for number in (1, 9):
        np.testing.assert_array_equal(
            meant(read(volume(), frame=number, deep=True)), as_seen(BODY, number)
        )
    with pytest.raises(ImageError, match=r"brain\.nii has no picture 10\. Choose one of 1 to 9"):
        read(volume(), frame=10)


@pytest.mark.parametrize("kind", ["u1", "<i2", ">i2", "<u2", "<i4", "<f4", ">f8", "i1"])
def test_every_kind_of_number_is_read(kind: str) -> None:
    values = (BODY // 25).astype(kind)
    image = nibabel.Nifti1Image(values, RAS, dtype=np.dtype(kind))
    header = image.header.as_byteswapped(">") if kind.startswith(">") else image.header
    data = nibabel.Nifti1Image(values, RAS, header).to_bytes()
    picture = read(data, deep=True)
    if kind in ("u1", "i1"):
        assert picture.deep is None
        assert picture.mode == "L"
    else:
        np.testing.assert_allclose(meant(picture), as_seen(BODY // 25, 5), atol=0.01)
    grey = picture.pixels[..., 0].astype(int)
    order = as_seen(BODY // 25, 5).ravel().argsort(kind="stable")
    assert (np.diff(grey.ravel()[order]) >= 0).all()


def test_its_rescale_and_its_window_count() -> None:
    data = volume(scl_slope=0.5, scl_inter=-100.0, cal_min=0.0, cal_max=1000.0)
    picture = read(data, deep=True)
    true = as_seen(BODY, 5) * 0.5 - 100
    np.testing.assert_allclose(meant(picture), true)
    shown = np.clip(true / 1000, 0, 1) * 255
    assert np.abs(picture.pixels[..., 0] - shown).max() <= 0.51


def test_the_second_kind_of_header_is_read_too() -> None:
    image = nibabel.Nifti2Image(BODY, RAS)
    np.testing.assert_array_equal(meant(read(image.to_bytes(), deep=True)), as_seen(BODY, 5))


def test_packed_ones_are_known_by_their_content() -> None:
    picture = read(gzip.compress(volume()), "IM000001", deep=True)
    np.testing.assert_array_equal(meant(picture), as_seen(BODY, 5))
    with pytest.raises(ImageError, match="looks like a gzip archive"):
        read(gzip.compress(b"something else" * 99), "brain.nii.gz")


def test_of_several_volumes_the_first_is_used() -> None:
    picture = read(volume(np.stack([BODY, BODY // 2, BODY // 3], axis=3)), deep=True)
    np.testing.assert_array_equal(meant(picture), as_seen(BODY, 5))
    assert "it holds 3 volumes; the first is used" in picture.notes


def test_one_slice_is_one_picture() -> None:
    for values in (BODY[:, :, 4], BODY[:, :, 4:5], BODY[:, :, 4:5, np.newaxis]):
        picture = read(volume(values), deep=True)
        assert picture.frames == 1
        np.testing.assert_array_equal(meant(picture), as_seen(BODY, 5))
        assert not any("pictures" in note for note in picture.notes)


def test_what_does_not_say_how_it_lies_says_so() -> None:
    assert any("left and right" in note for note in read(volume(affine=None)).notes)
    for odd in ([0, 0, 0, 0], [np.nan, 0, 0, 0]):
        assert any("left and right" in note for note in read(volume(srow_y=odd)).notes)
    assert not any("left and right" in note for note in read(volume()).notes)


@pytest.mark.parametrize(
    ("unit", "spacing"), [(2, (3.0, 2.0)), (0, None), (1, None), (3, (0.003, 0.002))]
)
def test_spacing_needs_a_unit(unit: int, spacing: tuple[float, float] | None) -> None:
    found = read(volume(xyzt_units=unit)).spacing
    assert found == (spacing if spacing is None else pytest.approx(spacing))


REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("cut", lambda: volume()[:-999], r"ends before .*: 35,353 of 36,352 bytes are there"),
    ("cut in header", lambda: volume()[:346] + b"n", "looks like"),
    ("cut when packed", lambda: gzip.compress(volume())[:-2000], "ends before the picture does"),
    ("damaged when packed", lambda: gzip.compress(volume())[:-8] + bytes(8), "damaged"),
    ("bomb", lambda: gzip.compress(volume(BODY[:9]) + bytes(99 << 20)), "refused: it would unpack"),
    ("no side", lambda: volume(dim=[3, 40, 0, 9, 1, 1, 1, 1]), "damaged"),
    ("less than none", lambda: volume(dim=[3, 40, -50, 9, 1, 1, 1, 1]), "damaged"),
    ("huge", lambda: volume(dim=[3, 32767, 32767, 1, 1, 1, 1, 1]), "ends before .* are there"),
    ("one dimension", lambda: volume(dim=[1, 40, 1, 1, 1, 1, 1, 1]), "has 1 dimensions"),
    ("five", lambda: volume(BODY.reshape(40, 50, 3, 1, 3)), "has 5 dimensions; pictures are"),
    ("colours", lambda: volume(np.zeros((40, 50, 9), [(c, "u1") for c in "RGB"])), "holds colours"),
    ("complex", lambda: volume(BODY.astype(np.complex64)), "no grey"),
    ("offset", lambda: volume(vox_offset=-4.0), "damaged"),
    ("no offset", lambda: volume(vox_offset=np.nan), "damaged"),
    ("unknown type", lambda: volume(datatype=77), "damaged"),
    ("no number", lambda: volume(np.full((40, 50, 9), np.nan, np.float32)), "no valid number"),
    ("half", lambda: volume(magic=b"ni1"), r"one half of a NIfTI pair .*Save both as one \.nii"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in REFUSED],
                         ids=[case[0] for case in REFUSED])  # fmt: skip
def test_what_cannot_be_used_says_so_in_one_sentence(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(ImageError, match=rf"^brain\.nii .*{words}"):
        read(make())


def test_mutated_headers_give_a_picture_or_a_sentence() -> None:
    draw = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(volume())
        for _ in range(draw.integers(1, 6)):
            data[draw.integers(0, 352)] = draw.choice([0, 1, 127, 128, 255])
        try:
            picture = read(bytes(data), "mutated.nii")
        except ImageError as error:
            assert str(error).startswith("mutated.nii")  # noqa: PT017 - most are refused, not all
            assert "broke down" not in str(error)  # noqa: PT017
        else:
            assert picture.pixels.shape[2] == 3


def test_it_is_decoded_in_a_child_also_when_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(data: bytes, name: str, wanted: Wanted) -> Picture:
        asked.append(name)
        return decode(data, name, wanted)

    monkeypatch.setattr(quarantine, "decoded", noted)
    for data in (volume(), gzip.compress(volume())):
        read_known_bytes(data, "known.nii")
    assert asked == ["known.nii", "known.nii"]


def test_without_nibabel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "nibabel"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "medxfer.data.nifti", raising=False)
    data = volume_without_nibabel()
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ImageError, match=r"nibabel, .* is not installed\. .*pip install"):
        decode(data, "brain.nii", Wanted())


def volume_without_nibabel() -> bytes:
    """What a reader knows it by; nothing more of it is looked at."""
    return (348).to_bytes(4, "little") + bytes(340) + b"n+1\x00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve volumes of two classes, packed and not, with a mask beside one."""
    draw = np.random.default_rng(1)
    for number in range(12):
        name = f"{'sick' if number % 2 else 'well'}/{number}.nii{'.gz' if number > 5 else ''}"
        path = tmp_path / "volumes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = volume(draw.integers(0, 900, (40, 50, 5)).astype(np.int16))
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    (tmp_path / "volumes" / "sick" / "1_mask.nii.gz").write_bytes(gzip.compress(volume()))
    (tmp_path / "volumes" / "sick" / "1_seg.nii").write_bytes(volume())
    return tmp_path / "volumes"


def test_a_folder_of_volumes_is_imported_one_picture_each(
    folder: Path, workspace: Workspace
) -> None:
    options = ImportOptions(name="volumes")
    assert preview(folder, options).classes == {"sick": 6, "well": 6}
    report = import_source(workspace, folder, options)
    assert report.images == 12
    assert not report.skipped
    assert any(
        "12 NIfTI files hold several slices each; the middle one" in w for w in report.warnings
    )
    manifest = load_manifest(workspace, "volumes")
    assert set(manifest.table["format"]) == {"NIfTI"}
    assert set(manifest.table["width"]) == {40}
    with PixelStore(CacheRoom(workspace.cache), manifest) as store:
        list(store.fill(np.arange(12)))
        assert store.take(np.arange(12)).shape == (12, 1, 50, 40)


def test_a_table_beside_volumes_says_which_are_not_listed(
    folder: Path, workspace: Workspace
) -> None:
    rows = "".join(f"{path.name},{path.parent.name}\n" for path in sorted(folder.rglob("[0-8].n*")))
    (folder / "labels.csv").write_text("file,label\n" + rows)
    for path in folder.rglob("*.nii*"):
        path.rename(folder / path.name)
    report = import_source(workspace, folder, ImportOptions(name="volumes"))
    assert report.images == 9
    assert any("3 pictures beside the listed ones" in text for text in report.warnings)


@pytest.mark.parametrize("second", [False, True])
def test_nothing_that_somebody_typed_is_kept_of_a_zip(
    tmp_path: Path, workspace: Workspace, second: bool
) -> None:
    header = {"descrip": b"ZqDescrip", "aux_file": b"ZqAux", "intent_name": b"ZqIntent"}
    header |= {} if second else {"db_name": b"ZqDatabase", "data_type": b"ZqType"}
    kind = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    for number in range(12):
        values = np.roll(BODY, number)
        image = kind(values, RAS)
        for field, value in header.items():
            image.header[field] = value
        extension = nibabel.nifti1.Nifti1Extension("comment", b"ZqExtension")
        image.header.extensions.append(extension)
        data = image.to_bytes() + b"ZqTail"
        name = f"{'sick' if number % 2 else 'well'}/{number}.nii"
        path = tmp_path / "volumes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if number < 6 else gzip.compress(data))
    (tmp_path / "volumes" / "sick" / "1_mask.nii").write_bytes(data)
    (tmp_path / "volumes" / "sick" / "cut.nii").write_bytes(data[:-5000])
    source = Path(shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path / "volumes"))
    report = import_source(workspace, source, ImportOptions(name="volumes"))
    assert report.images == 12
    manifest = load_manifest(workspace, "volumes")
    for path in workspace.root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"Zq" not in (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    assert not list(workspace.root.rglob("*_mask*"))
    assert not list(workspace.root.rglob("cut.nii"))
    shown = read(manifest.path("well/8.nii").read_bytes(), deep=True)
    np.testing.assert_array_equal(meant(shown), as_seen(np.roll(BODY, 8), 5))


def test_gzip_bombs_are_stopped_before_they_are_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(volume())
    for _ in range(300):
        packed += packer.compress(bytes(1 << 20))
    with pytest.raises(ImageError, match=r"more than 67 MB from 3\d\d KB"):
        read(packed + packer.flush(), "bomb.nii.gz")
