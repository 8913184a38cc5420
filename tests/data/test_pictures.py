"""Reading pictures: every mode, and every file that is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medxfer.data.readers import MAX_PIXELS, read_picture, read_picture_bytes
from medxfer.errors import ImageError

GREY = np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_eight_bit_grey_comes_through_unchanged(form: str) -> None:
    picture = read_picture_bytes(encoded(Image.fromarray(GREY), form), "grey")
    assert (picture.pixels == GREY[:, :, np.newaxis]).all()
    assert (picture.format, picture.mode) == (form, "L")


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deep_grey_keeps_its_order_and_its_levels(form: str, bits: int) -> None:
    values = np.linspace(0, 2**bits - 1, 64 * 48).astype(np.uint16).reshape(48, 64)
    seen = read_picture_bytes(encoded(Image.fromarray(values), form), "deep").pixels[:, :, 0]
    assert len(np.unique(seen)) > 200
    assert (np.diff(seen.ravel().astype(int)) >= 0).all()
    assert np.abs(seen.astype(float) - GREY).max() <= 1


def test_a_narrow_range_and_a_bright_marker_do_not_cost_contrast() -> None:
    values = np.linspace(1000, 1400, 640 * 480).astype(np.uint16).reshape(480, 640)
    values[0, :8] = 65535
    seen = read_picture_bytes(encoded(Image.fromarray(values)), "ct").pixels
    assert len(np.unique(seen)) > 200


def test_white_is_zero_is_turned_around_in_deep_tiffs_too() -> None:
    values = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    stored = encoded(Image.fromarray(values), "TIFF")
    photometric = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    assert stored.count(photometric + b"\x01") == 1
    inverted = stored.replace(photometric + b"\x01", photometric + b"\x00")
    seen = read_picture_bytes(inverted, "inverted").pixels[:, :, 0]
    assert seen[0, 0] > 250
    assert seen[-1, -1] < 5


def test_float_grey_with_invalid_numbers() -> None:
    values = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64)
    values[0, 0] = np.nan
    picture = read_picture_bytes(encoded(Image.fromarray(values), "TIFF"), "float.tif")
    assert np.abs(picture.pixels[:, :, 0].astype(float) - GREY).max() <= 1
    assert any("invalid" in note for note in picture.notes)
    values[:] = np.nan
    with pytest.raises(ImageError, match=r"float\.tif holds no valid number"):
        read_picture_bytes(encoded(Image.fromarray(values), "TIFF"), "float.tif")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_png_mode_is_read(mode: str) -> None:
    source = Image.fromarray(np.stack([GREY, GREY // 2, GREY // 3], axis=2)).convert(mode)
    picture = read_picture_bytes(encoded(source), mode)
    assert picture.pixels.shape == (48, 64, 3)
    assert picture.pixels.dtype == np.uint8
    assert (picture.pixels == np.asarray(source.convert("RGB"))).all()


def test_cmyk_looks_like_its_rgb() -> None:
    source = Image.fromarray(np.stack([GREY] * 3, axis=2))
    seen = read_picture_bytes(encoded(source.convert("CMYK"), "TIFF"), "cmyk").pixels
    assert np.abs(seen.astype(int) - np.asarray(source)).max() <= 2


def test_transparent_parts_become_black() -> None:
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:, :32] = 0
    source = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    picture = read_picture_bytes(encoded(source), "half")
    assert not picture.pixels[:, :32].any()
    assert (picture.pixels[:, 32:, 0] == GREY[:, 32:]).all()
    assert picture.notes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation: int) -> None:
    turns = {
        1: (), 2: (0,), 3: (3,), 4: (1,), 5: (5,), 6: (2,), 7: (6,), 8: (4,),
    }  # fmt: skip
    source = Image.fromarray(GREY)
    for turn in turns[orientation]:
        source = source.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = read_picture_bytes(encoded(source, exif=exif), "turned").pixels
    assert (seen[:, :, 0] == GREY).all()


def test_size_limits() -> None:
    side = int(MAX_PIXELS**0.5) + 2
    stored = encoded(Image.new("1", (side, side)))
    with pytest.raises(ImageError, match=r"bomb\.png is too large.*50 megapixels"):
        read_picture_bytes(stored, "bomb.png")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"\x00" * 99, "nothing but zeros"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\n<html lang='en'>", "a web page"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"GIF89a....", "a GIF picture"),
        (b"RIFF....WEBPVP8 ", "a WebP picture"),
        (b"<?xml version='1.0'?><svg>", "an SVG drawing"),
        ("größe;1\n".encode(), "plain text"),
        (b"\x93\x01\xfe\xff" * 9, "an unknown kind of file"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=rf"scan\.png is not a picture.*looks like {words}"):
        read_picture_bytes(data, "scan.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_half_a_file_is_said_to_be_cut(form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    stored = encoded(Image.fromarray(noise), form)
    with pytest.raises(ImageError, match="half ends before the picture does"):
        read_picture_bytes(stored[: len(stored) // 2], "half")


def test_several_pages_are_refused() -> None:
    page = Image.fromarray(GREY)
    stored = encoded(page, "TIFF", save_all=True, append_images=[page, page])
    with pytest.raises(ImageError, match="pages contains 3 pages"):
        read_picture_bytes(stored, "pages")


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png cannot be read"):
        read_picture(tmp_path / "gone.png")


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_the_bad_images_decode_or_say_why(pack: Callable[[str], Path]) -> None:
    decoded: dict[str, np.ndarray] = {}
    refused: dict[str, str] = {}
    for path in sorted(pack("bad-images").rglob("*")):
        if not path.is_file():
            continue
        began = time.monotonic()
        try:
            decoded[path.name] = read_picture(path).pixels
        except ImageError as error:
            refused[path.name] = str(error)
        assert time.monotonic() - began < 5, path.name
    assert len(decoded) + len(refused) > 300
    assert all(name in text for name, text in refused.items())
    assert all(pixels.ndim == 3 and pixels.shape[2] == 3 for pixels in decoded.values())
    reference = decoded["grey.png"].astype(int)
    for same in ("grey16.png", "grey16.tif", "palette.png", "la.png", "grey12in16.png"):
        assert np.abs(decoded[same].astype(int) - reference).max() <= 1, same
    for turned in range(2, 9):
        found = decoded[f"exif_orientation_{turned}.jpg"]
        assert found.shape == reference.shape
        assert np.abs(found.astype(int) - reference).mean() < 4
    for name in ("truncated_50pct.jpg", "truncated_95pct.png"):
        assert "ends before" in refused[name]
    assert "1.2 GB" in refused["bomb_20000x20000_rgb.png"]
    assert "web page" in refused["html.png"]
