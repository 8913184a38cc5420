"""Grey values beyond 8 bits, for the viewer: all of them, black at low, windowed alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from medxfer.data.depth import Deep
from medxfer.data.readers import Picture, Wanted, read_picture_bytes
from medxfer.errors import ImageError

Encode = Callable[..., bytes]
RAMP = np.linspace(0, 4095, 64 * 48).astype(np.uint16).reshape(48, 64)
HOUNSFIELD = np.linspace(-1024, 3071, 64 * 48).astype(np.int16).reshape(48, 64)
BITS12 = {"BitsStored": 12, "HighBit": 11}
WINDOW = {"WindowCenter": 1200, "WindowWidth": 800}
MONO1 = {"PhotometricInterpretation": "MONOCHROME1"}


def read(data: bytes, name: str = "scan") -> Picture:
    return read_picture_bytes(data, name, Wanted(deep=True))


def deep_of(data: bytes) -> Deep:
    deep = read(data).deep
    assert deep is not None
    return deep


def meant(deep: Deep) -> NDArray[np.float64]:
    """What the values stand for."""
    return deep.values * deep.slope + deep.intercept


def as_shown(deep: Deep) -> NDArray[np.float64]:
    """Brightness 0 to 255 as the viewer counts it (`grey.js`)."""
    centre, width = deep.window
    low = centre - 0.5 - (width - 1) / 2
    if width <= 1:
        return 255.0 * (deep.values > low)
    return np.asarray(255 * np.clip((deep.values - low) / (width - 1), 0, 1))


def stored(values: NDArray[Any], form: str = "PNG") -> bytes:
    buffer = BytesIO()
    Image.fromarray(values).save(buffer, form)
    return buffer.getvalue()


def white_at_zero(values: NDArray[np.uint16]) -> bytes:
    photometric = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    return stored(values, "TIFF").replace(photometric + b"\x01", photometric + b"\x00")


def lookup(entries: NDArray[np.uint16]) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = MultiValue(int, [len(entries), 0, 16])
    item["LUTDescriptor"].VR = "US"
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


BENT = (np.linspace(0, 1, 4096) ** 2 * 65535).astype(np.uint16)
CASES: dict[str, Callable[[Encode], bytes]] = {
    "12 bits": lambda d: d(RAMP, **BITS12),
    "12 bits, window": lambda d: d(RAMP, **BITS12, **WINDOW),
    "white at zero": lambda d: d(4095 - RAMP, **BITS12, **MONO1),
    "white at zero, window": lambda d: d(RAMP, **BITS12, **MONO1, **WINDOW),
    "threshold": lambda d: d(RAMP, **BITS12, WindowCenter=2000.3, WindowWidth=1),
    "exact": lambda d: d(RAMP, **BITS12, **WINDOW, VOILUTFunction="LINEAR_EXACT"),
    "signed": lambda d: d(HOUNSFIELD, WindowCenter=-600, WindowWidth=1500),
    "rescaled": lambda d: d(RAMP, **BITS12, RescaleSlope=0.5, RescaleIntercept=-9, **WINDOW),
    "falling": lambda d: d(RAMP, **BITS12, RescaleSlope=-1, RescaleIntercept=4095, **WINDOW),
    "falling, no window": lambda d: d(RAMP, **BITS12, RescaleSlope=-2, RescaleIntercept=0),
    "falling, white at zero": lambda d: d(
        RAMP, **BITS12, RescaleSlope=-1, RescaleIntercept=4095, **MONO1
    ),
    "padded": lambda d: d(np.where(RAMP < 99, -2000, RAMP // 9).astype("<i2"),
                          PixelPaddingValue=-2000),
    "table": lambda d: d(RAMP, **BITS12, VOILUTSequence=[lookup(BENT)]),
    "table, white at zero": lambda d: d(RAMP, **BITS12, **MONO1, VOILUTSequence=[lookup(BENT)]),
    "modality's table": lambda d: d(RAMP, **BITS12, ModalityLUTSequence=[lookup(BENT)], **WINDOW),
    "window on nothing": lambda d: d(RAMP, **BITS12, WindowCenter=90000, WindowWidth=10),
    "floating point": lambda d: d(
        RAMP, BitsAllocated=32, BitsStored=32, HighBit=31, PixelData=None,
        FloatPixelData=(RAMP / np.float32(4095)).tobytes(),
    ),
    "wide": lambda d: d(RAMP.astype(np.uint32) * 300_000),
    "16-bit PNG": lambda _: stored(RAMP * np.uint16(16)),
    "12-bit PNG": lambda _: stored(RAMP),
    "narrow PNG": lambda _: stored(RAMP // 8 + np.uint16(3000)),
    "TIFF": lambda _: stored(RAMP, "TIFF"),
    "TIFF, white at zero": lambda _: white_at_zero(RAMP),
    "TIFF of floating point": lambda _: stored(RAMP / np.float32(4095) - 2, "TIFF"),
    "32-bit TIFF": lambda _: stored(RAMP.astype(np.int32) - 1024, "TIFF"),
}  # fmt: skip
EIGHT_BITS = {
    "12 bits": "77c3677cf12e4106",
    "12 bits, window": "663be80fae0a3703",
    "white at zero": "77c3677cf12e4106",
    "white at zero, window": "51a095ae882e8ddc",
    "threshold": "e941d7a4dbee79b2",
    "exact": "9a5b0285fa1ab018",
    "signed": "d9e7616c52d0c3d7",
    "rescaled": "4e66a3afb5db1387",
    "falling": "a294d9fce5ff09dd",
    "falling, no window": "b855dd23ca4519f0",
    "falling, white at zero": "77c3677cf12e4106",
    "padded": "f69678be47e954e5",
    "table": "487efdfb01079ce5",
    "table, white at zero": "0bdfca6d6b8925a0",
    "modality's table": "7c989aefcb659228",
    "window on nothing": "77c3677cf12e4106",
    "floating point": "ce5cd7ce86caa6a7",
    "wide": "ce5cd7ce86caa6a7",
    "16-bit PNG": "2f2158fba8eefd25",
    "12-bit PNG": "77c3677cf12e4106",
    "narrow PNG": "06e8d35599c66865",
    "TIFF": "77c3677cf12e4106",
    "TIFF, white at zero": "b855dd23ca4519f0",
    "TIFF of floating point": "d3a61cb0960ed150",
    "32-bit TIFF": "d3a61cb0960ed150",
}


@pytest.mark.parametrize("case", CASES)
def test_the_network_gets_what_it_got_before_there_was_more(dicom: Encode, case: str) -> None:
    """The first 16 digits of SHA-256 as they were before the viewer got more than 8 bits."""
    data = CASES[case](dicom)
    pixels = read_picture_bytes(data, case).pixels
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == EIGHT_BITS[case]
    assert (read(data).pixels == pixels).all()
    assert read_picture_bytes(data, case).deep is None


@pytest.mark.parametrize("case", CASES)
def test_the_viewer_opens_on_the_same_picture(dicom: Encode, case: str) -> None:
    picture = read(CASES[case](dicom))
    assert picture.deep is not None
    assert picture.deep.values.dtype == np.uint16
    assert picture.deep.values.shape == picture.pixels.shape[:2]
    assert np.abs(as_shown(picture.deep) - picture.pixels[..., 0]).max() <= 1


@pytest.mark.parametrize("turned", [{}, MONO1])
def test_every_stored_value_is_there_and_means_what_it_did(
    dicom: Encode, turned: dict[str, str]
) -> None:
    deep = deep_of(dicom(RAMP, **BITS12, **turned))
    assert len(np.unique(deep.values)) == len(np.unique(RAMP)) > 3000
    np.testing.assert_array_equal(meant(deep), RAMP)
    assert (np.diff(deep.values.astype(int).ravel()) >= 0).all() is np.bool_(not turned)


def test_values_of_ct_are_hounsfield_units(dicom: Encode) -> None:
    rescale = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    data = (HOUNSFIELD + 1024).astype(np.uint16)
    deep = deep_of(dicom(data, **rescale, WindowCenter=40, WindowWidth=400))
    np.testing.assert_array_equal(meant(deep), HOUNSFIELD)
    assert deep.unit == "HU"
    assert deep.window == (40 - deep.intercept, 400)
    assert deep_of(dicom(data, **rescale, Modality="MR")).unit == ""
    assert deep_of(dicom(data, **rescale, RescaleType="US")).unit == ""
    assert deep_of(dicom(data)).unit == "", "nothing says that they are"


def test_a_sigmoid_is_opened_as_the_linear_window_of_the_same_width(dicom: Encode) -> None:
    deep = deep_of(dicom(RAMP, **BITS12, **WINDOW, VOILUTFunction="SIGMOID"))
    assert deep.window == (WINDOW["WindowCenter"], WINDOW["WindowWidth"])
    np.testing.assert_array_equal(deep.values, RAMP)


def test_a_table_is_applied_at_16_bits(dicom: Encode) -> None:
    deep = deep_of(dicom(RAMP, **BITS12, VOILUTSequence=[lookup(BENT)]))
    np.testing.assert_allclose(deep.values, BENT[RAMP], atol=1)
    assert len(np.unique(deep.values)) > 2000


def test_deep_files_are_stored_values(dicom: Encode) -> None:
    for values in (RAMP, RAMP * np.uint16(16)):
        np.testing.assert_array_equal(deep_of(stored(values)).values, values)
    turned = deep_of(white_at_zero(RAMP))
    np.testing.assert_array_equal(meant(turned), RAMP)
    assert turned.values[0, 0] > turned.values[-1, -1]
    floating = deep_of(stored(RAMP / np.float32(4095) - 2, "TIFF"))
    np.testing.assert_allclose(meant(floating), RAMP / 4095 - 2, atol=1e-4)


def test_a_deep_picture_is_turned_upright_with_its_8_bits() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = BytesIO()
    Image.fromarray(RAMP).save(buffer, "PNG", exif=exif)
    np.testing.assert_array_equal(deep_of(buffer.getvalue()).values, np.rot90(RAMP, -1))


def test_a_constant_picture_has_depth_too(dicom: Encode) -> None:
    flat = np.full((40, 40), 1234, np.uint16)
    for data in (dicom(flat, **BITS12), stored(flat), dicom(flat, RescaleSlope=-3)):
        deep = deep_of(data)
        assert len(np.unique(deep.values)) == 1
        assert np.isfinite(deep.window).all()


@pytest.mark.parametrize("bits", ["8-bit DICOM", "8-bit PNG", "colour"])
def test_what_has_no_more_than_8_bits_has_no_depth(dicom: Encode, bits: str) -> None:
    grey = (RAMP >> 4).astype(np.uint8)
    data = {
        "8-bit DICOM": dicom(grey, WindowCenter=100, WindowWidth=50),
        "8-bit PNG": stored(grey),
        "colour": dicom(np.stack([RAMP] * 3, axis=2)),
    }
    assert read(data[bits]).deep is None


def test_spacing_and_where_it_holds(dicom: Encode) -> None:
    def told(**elements: Any) -> tuple[tuple[float, float] | None, str]:
        picture = read(dicom(RAMP, **elements))
        return picture.spacing, picture.spacing_note

    both = {"PixelSpacing": [0.2, 0.3], "ImagerPixelSpacing": [0.4, 0.5]}
    assert told() == (None, "")
    assert told(**both) == ((0.2, 0.3), "")
    assert told(ImagerPixelSpacing=[0.4, 0.5]) == ((0.4, 0.5), "at the detector")
    same = {**both, "PixelSpacing": [0.4, 0.5]}
    assert told(**same) == ((0.4, 0.5), "at the detector"), "repeated, not corrected"
    assert told(PixelSpacing=[0, 0.3]) == (None, "")
    measures, group = Dataset(), Dataset()
    measures.PixelSpacing = [0.6, 0.7]
    group.PixelMeasuresSequence = [measures]
    assert told(SharedFunctionalGroupsSequence=[group]) == ((0.6, 0.7), "")


def test_the_largest_deep_picture_fits_into_the_child(dicom: Encode) -> None:
    values = np.arange(7000 * 7000, dtype=np.uint32).astype(np.uint16).reshape(7000, 7000)
    deep = deep_of(dicom(values))
    assert (deep.values == values).all()


@pytest.mark.data
@pytest.mark.long
@pytest.mark.parametrize(("name", "least"), [("dicom", 85), ("bad-images", 13)])
def test_real_files_open_on_the_picture_the_network_gets(
    pack: Callable[[str], Path], name: str, least: int
) -> None:
    deep = 0
    for path in sorted(pack(name).rglob("*")):
        if not path.is_file() or path.suffix in (".md", ".csv"):
            continue
        data = path.read_bytes()
        try:
            picture = read(data, path.name)
        except ImageError:
            continue
        assert (picture.pixels == read_picture_bytes(data, path.name).pixels).all(), path.name
        if picture.deep is not None:
            deep += 1
            off = np.abs(as_shown(picture.deep) - picture.pixels[..., 0])
            assert off.max() <= 1.5, path.name
    assert deep >= least
