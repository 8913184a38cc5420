"""DICOM to pixels: what the header says of values is what is shown."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    UltrasoundImageStorage,
)

from medxfer.data.dicom import parsed, stored
from medxfer.data.readers import Picture, Wanted, read_picture_bytes
from medxfer.errors import ImageError
from medxfer.models.preprocessing import to_input

Encode = Callable[..., bytes]
RAMP = np.linspace(0, 4095, 64 * 48).astype(np.uint16).reshape(48, 64)
"""12-bit values, black to white."""
BITS12 = {"BitsStored": 12, "HighBit": 11}
HALF = 0.5001
"""Half a grey level, and the last bits of doubles."""
GREY = np.linspace(0, 255, 64 * 48).astype(np.uint8).reshape(48, 64)


def seen(data: bytes, name: str = "scan.dcm", **wanted: Any) -> Picture:
    return read_picture_bytes(data, name, Wanted(**wanted))


def grey(data: bytes) -> np.ndarray:
    pixels = seen(data).pixels
    assert (pixels == pixels[:, :, :1]).all()
    return pixels[:, :, 0].astype(int)


def linear(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """The formula of DICOM PS3.3 C.11.2.1.2.1, written down pixel by pixel."""
    out = np.empty(values.shape)
    for place, x in np.ndenumerate(values.astype(float)):
        if x <= centre - 0.5 - (width - 1) / 2:
            out[place] = 0
        elif x > centre - 0.5 + (width - 1) / 2:
            out[place] = 255
        else:
            out[place] = ((x - (centre - 0.5)) / (width - 1) + 0.5) * 255
    return out


def test_eight_bits_come_through_unchanged(dicom: Encode) -> None:
    picture = seen(dicom(GREY))
    assert (picture.pixels == GREY[:, :, np.newaxis]).all()
    assert (picture.format, picture.mode, picture.frames) == ("DICOM", "L", 1)
    assert not picture.notes


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_every_plain_encoding_gives_the_same(dicom: Encode, syntax: str) -> None:
    expected = grey(dicom(RAMP, **BITS12))
    values = RAMP.astype(">u2") if syntax == ExplicitVRBigEndian else RAMP
    assert (grey(dicom(values, syntax, **BITS12)) == expected).all()


def test_a_picture_and_its_inverse_give_equal_tensors(dicom: Encode) -> None:
    values = RAMP.copy()
    values[10:20, 10:20] = 3000
    for picture in (values, values // 8, values // 3 + 700):
        inverse = {**BITS12, "PhotometricInterpretation": "MONOCHROME1"}
        plain = to_input(seen(dicom(picture, **BITS12)).pixels)
        turned = to_input(seen(dicom(4095 - picture, **inverse)).pixels)
        assert (plain == turned).all()


def test_a_window_is_turned_with_its_picture(dicom: Encode) -> None:
    plain = dicom(RAMP, **BITS12, WindowCenter=1200, WindowWidth=800)
    turned = dicom(
        4095 - RAMP, **BITS12, PhotometricInterpretation="MONOCHROME1",
        WindowCenter=4095 - 1200 + 1, WindowWidth=800,
    )  # fmt: skip
    assert (grey(plain) == grey(turned)).all()


@pytest.mark.parametrize(("centre", "width"), [(2048, 4096), (1000, 400), (300.5, 1), (40, 2)])
def test_windows_are_as_the_standard_says(dicom: Encode, centre: float, width: float) -> None:
    data = dicom(RAMP, **BITS12, WindowCenter=centre, WindowWidth=width)
    assert np.abs(grey(data) - linear(RAMP, centre, width)).max() <= HALF


def test_the_first_of_several_windows_counts(dicom: Encode) -> None:
    data = dicom(RAMP, **BITS12, WindowCenter=[1000, 40], WindowWidth=[400, 80])
    assert np.abs(grey(data) - linear(RAMP, 1000, 400)).max() <= HALF


def test_other_functions_of_a_window(dicom: Encode) -> None:
    window = {**BITS12, "WindowCenter": 2000, "WindowWidth": 1000}
    values = RAMP.astype(float)
    exact = np.clip((values - 2000) / 1000 + 0.5, 0, 1) * 255
    assert np.abs(grey(dicom(RAMP, **window, VOILUTFunction="LINEAR_EXACT")) - exact).max() <= HALF
    curve = 255 / (1 + np.exp(-4 * (values - 2000) / 1000))
    assert np.abs(grey(dicom(RAMP, **window, VOILUTFunction="SIGMOID")) - curve).max() <= HALF


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 2000, "WindowWidth": 0},
        {"WindowCenter": 2000, "WindowWidth": -5},
        {"WindowCenter": 2000},
        {"WindowCenter": 90000, "WindowWidth": 10},
    ],
)
def test_an_odd_window_is_left_out_and_said(dicom: Encode, window: dict[str, int]) -> None:
    picture = seen(dicom(RAMP, **BITS12, **window))
    assert (picture.pixels == seen(dicom(RAMP, **BITS12)).pixels).all()
    assert any("window" in note and "not used" in note for note in picture.notes)


def test_rescaled_signed_values(dicom: Encode) -> None:
    hounsfield = np.linspace(-1024, 3071, 64 * 48).astype(np.int16).reshape(48, 64)
    lung = {"WindowCenter": -600, "WindowWidth": 1500}
    signed = dicom(hounsfield, **lung)
    shifted = dicom(
        (hounsfield + 1024).astype(np.uint16), **lung, RescaleSlope=1, RescaleIntercept=-1024
    )
    assert np.abs(grey(signed) - linear(hounsfield, -600, 1500)).max() <= HALF
    assert (grey(signed) == grey(shifted)).all()


def test_a_negative_slope_turns_the_picture(dicom: Encode) -> None:
    turned = dicom(RAMP, **BITS12, RescaleSlope=-1, RescaleIntercept=4095)
    assert (grey(turned) == 255 - grey(dicom(RAMP, **BITS12))).all()


def test_a_slope_of_zero_is_not_used(dicom: Encode) -> None:
    picture = seen(dicom(RAMP, **BITS12, RescaleSlope=0, RescaleIntercept=7))
    assert (picture.pixels == seen(dicom(RAMP, **BITS12)).pixels).all()
    assert any("slope" in note for note in picture.notes)


def test_bits_beyond_those_stored_do_not_count(dicom: Encode) -> None:
    with_overlay = RAMP | np.uint16(0x8000)
    assert (grey(dicom(with_overlay, **BITS12)) == grey(dicom(RAMP, **BITS12))).all()
    negative = np.linspace(-2048, 2047, 64 * 48).astype(np.int16).reshape(48, 64)
    cut = (negative.astype(np.uint16) & 0x0FFF).astype(np.int16)
    window = {**BITS12, "WindowCenter": 0, "WindowWidth": 4096}
    assert (grey(dicom(cut, **window)) == grey(dicom(negative, **window))).all()


def lookup(first: int, entries: np.ndarray, bits: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = MultiValue(int, [len(entries), first, bits])
    item["LUTDescriptor"].VR = "US"
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def test_tables_are_looked_up(dicom: Encode) -> None:
    bent = (np.linspace(0, 1, 4096) ** 2 * 65535).astype(np.uint16)
    shown = grey(dicom(RAMP, **BITS12, VOILUTSequence=[lookup(0, bent, 16)]))
    assert np.abs(shown - bent[RAMP] / 65535 * 255).max() <= HALF
    # An 8-bit table of more entries than 8 bits can count.
    shown = grey(dicom(RAMP, **BITS12, VOILUTSequence=[lookup(0, bent >> 8, 8)]))
    assert np.abs(shown - (bent >> 8)[RAMP]).max() <= HALF
    below = grey(dicom(RAMP, **BITS12, VOILUTSequence=[lookup(1000, bent[:100], 16)]))
    assert (below[RAMP <= 1000] == 0).all()
    window = {"WindowCenter": 32768, "WindowWidth": 65536}
    modality = dicom(RAMP, **BITS12, ModalityLUTSequence=[lookup(0, bent, 16)], **window)
    assert np.abs(grey(modality) - bent[RAMP] / 65535 * 255).max() <= 0.6


def test_a_damaged_table_is_left_out_and_said(dicom: Encode) -> None:
    item = lookup(0, np.arange(4096), 16)
    item.LUTData = b""
    picture = seen(dicom(RAMP, **BITS12, VOILUTSequence=[item]))
    assert (picture.pixels == seen(dicom(RAMP, **BITS12)).pixels).all()
    assert any("table" in note for note in picture.notes)


def test_padding_is_no_part_of_the_range(dicom: Encode) -> None:
    values = np.linspace(1000, 1400, 64 * 48).astype(np.int16).reshape(48, 64)
    values[:, :16] = -2000
    shown = grey(dicom(values, PixelPaddingValue=-2000))
    assert (shown[:, :16] == 0).all()
    assert len(np.unique(shown)) > 200


def test_floating_point_with_invalid_numbers(dicom: Encode) -> None:
    values = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64)
    values[0, 0] = np.nan
    made = {"PixelData": None, "FloatPixelData": values.tobytes()}
    picture = seen(dicom(RAMP, BitsAllocated=32, BitsStored=32, HighBit=31, **made))
    assert np.abs(picture.pixels[:, :, 0].astype(int) - GREY.astype(int)).max() <= 2
    assert any("invalid" in note for note in picture.notes)


def test_colours(dicom: Encode) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    assert (seen(dicom(colours)).pixels == colours).all()
    planes = np.ascontiguousarray(colours.transpose(2, 0, 1))
    by_plane = dicom(colours, PlanarConfiguration=1, PixelData=planes.tobytes())
    assert (seen(by_plane).pixels == colours).all()
    deep = seen(dicom((colours.astype(np.uint16) << 8) + 7))
    assert (deep.pixels == colours).all()
    assert deep.notes == ("16 bits a colour were cut to 8",)
    smooth = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)
    ycc = np.asarray(Image.fromarray(smooth).convert("YCbCr"))
    shown = seen(dicom(ycc, PhotometricInterpretation="YBR_FULL")).pixels
    assert np.abs(shown.astype(int) - smooth).max() <= 3


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes(dicom: Encode, bits: int) -> None:
    entries = np.arange(256, dtype=np.uint16)
    reds, greens, blues = entries, 255 - entries, entries // 2
    palette: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, values in (("Red", reds), ("Green", greens), ("Blue", blues)):
        stored_as = values.astype("u1") if bits == 8 else (values << 8).astype("<u2")
        palette[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        palette[f"{colour}PaletteColorLookupTableData"] = stored_as.tobytes()
    picture = seen(dicom(GREY, **palette))
    assert picture.mode == "P"
    assert (picture.pixels == np.stack([reds, greens, blues], axis=1)[GREY]).all()


def test_the_middle_frame_is_used_and_any_can_be_asked_for(dicom: Encode) -> None:
    frames = [np.roll(GREY, shift) for shift in range(7)]
    data = dicom(GREY, NumberOfFrames=7, PixelData=np.stack(frames).tobytes())
    picture = seen(data)
    assert (picture.pixels[:, :, 0] == frames[3]).all()
    assert picture.frames == 7
    assert picture.notes == ("it holds 7 pictures; number 4 is used",)
    assert (seen(data, frame=7).pixels[:, :, 0] == frames[6]).all()
    with pytest.raises(ImageError, match=r"scan\.dcm has no picture 8\. Choose one of 1 to 7"):
        seen(data, frame=8)


def test_frames_have_their_own_windows(dicom: Encode) -> None:
    def group(centre: int) -> Dataset:
        window, item = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, 800
        item.FrameVOILUTSequence = [window]
        return item

    data = dicom(
        RAMP, **BITS12, NumberOfFrames=2, PixelData=np.stack([RAMP, RAMP]).tobytes(),
        PerFrameFunctionalGroupsSequence=[group(1000), group(3000)],
    )  # fmt: skip
    for frame, centre in ((1, 1000), (2, 3000)):
        shown = seen(data, frame=frame).pixels[:, :, 0]
        assert np.abs(shown - linear(RAMP, centre, 800)).max() <= HALF


def nested(depth: int) -> bytes:
    """An element with sequences nested so deep, in explicit little endian."""
    opening = b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    return opening * depth + closing * depth


def with_long_rows(data: bytes) -> bytes:
    """Rows as a 32-bit number (Orthanc CVE-2026-5442)."""
    short = b"\x28\x00\x10\x00US\x02\x00"
    at = data.index(short)
    longer = b"\x28\x00\x10\x00UL\x04\x00" + struct.pack("<I", 2**31)
    return data[:at] + longer + data[at + len(short) + 2 :]


def after_meta(data: bytes) -> int:
    """Where the file meta information ends: the group length stands at its start."""
    return 144 + struct.unpack("<I", data[140:144])[0]


def deflated_bomb(plain: bytes, deflated: bytes) -> bytes:
    """A file whose compressed header holds 60 MB of nothing before the pixels."""
    body = plain[after_meta(plain) :]
    at = body.index(b"\x28\x00\x02\x00US")
    private = b"\x09\x00\x10\x00UN\x00\x00" + struct.pack("<I", 60_000_000) + bytes(60_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(body[:at] + private + body[at:]) + packer.flush()
    return deflated[: after_meta(deflated)] + packed


REFUSED: list[tuple[str, Callable[[Encode], bytes], str]] = [
    ("rows 65,535", lambda d: d(RAMP, Rows=65535, Columns=65535), "too large.* 12.9 GB"),
    ("frames", lambda d: d(RAMP, NumberOfFrames=100_000), "claims to hold 100,000 pictures"),
    ("rows 0", lambda d: d(RAMP, Rows=0), "no usable number of rows"),
    ("no rows", lambda d: d(RAMP, Rows=None), "no usable number of rows"),
    ("long rows", lambda d: with_long_rows(d(RAMP)), "too large"),
    ("cut", lambda d: d(RAMP)[:-2343], r"ends before .*: 3,801 of 6,144 bytes are there"),
    ("cut in header", lambda d: d(RAMP)[:420], "ends before the picture does"),
    ("no pixels", lambda d: d(RAMP, PixelData=None), "ends before .* it holds no pixels"),
    ("bits", lambda d: d(RAMP, BitsStored=17), "is damaged"),
    ("colours", lambda d: d(RAMP, PhotometricInterpretation="HSV"), "colours as 'HSV'"),
    ("no colours", lambda d: d(RAMP, PhotometricInterpretation=None), "what its values mean"),
    (
        "report",
        lambda d: d(RAMP, PixelData=None, Rows=None, Modality="SR", SOPClassUID=BasicTextSRStorage),
        "holds a report, not a picture",
    ),
    (
        "outlines",
        lambda d: d(RAMP, PixelData=None, Rows=None, Modality="RTSTRUCT"),
        "holds outlines, not a picture",
    ),
    (
        "PDF",
        lambda d: d(RAMP, PixelData=None, Modality="DOC", EncapsulatedDocument=b"%PDF"),
        "holds a document, not a picture",
    ),
    (
        "private encoding",
        lambda d: d(RAMP).replace(b"1.2.840.10008.1.2.1\x00", b"1.2.3.4.5.6.7.8.9.10"),
        "uses an unknown encoding .*cannot read. Convert it with",
    ),
    (
        "video",
        lambda d: d(RAMP).replace(b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.6\x00"),
        "which this installation cannot read",
    ),
    ("no header", lambda d: d(RAMP)[132:], "not a complete DICOM file"),
    ("CSV", lambda d: b"file,label\na.png,sick\n", "looks like plain text"),
    ("preamble only", lambda d: d(RAMP)[:132], "ends before the picture does"),
]


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in REFUSED],
                         ids=[case[0] for case in REFUSED])  # fmt: skip
def test_what_cannot_be_used_says_so(
    dicom: Encode, make: Callable[[Encode], bytes], words: str
) -> None:
    with pytest.raises(ImageError, match=rf"^scan\.dcm .*{words}"):
        seen(make(dicom))


def test_three_thousand_nested_sequences(dicom: Encode) -> None:
    data = dicom(RAMP)
    at = data.index(b"\x28\x00\x02\x00US")
    with pytest.raises(ImageError, match=r"scan\.dcm is nested too deeply"):
        seen(data[:at] + nested(3000) + data[at:])
    assert seen(data[:at] + nested(20) + data[at:]).frames == 1


def test_a_small_file_that_unpacks_to_much_is_refused(dicom: Encode) -> None:
    bomb = deflated_bomb(dicom(RAMP), dicom(RAMP, DeflatedExplicitVRLittleEndian))
    assert len(bomb) < 100_000
    with pytest.raises(ImageError, match=r"refused: its compressed header would unpack to more"):
        seen(bomb)


@pytest.mark.parametrize("start", [b"MZ\x90\x00", b"\x7fELF", b"II*\x00", b"<html><script>"])
def test_a_preamble_that_hides_something_is_said(dicom: Encode, start: bytes) -> None:
    data = dicom(GREY)
    picture = seen(start + data[len(start) :])
    assert (picture.pixels[:, :, 0] == GREY).all()
    assert any("first bytes look like" in note for note in picture.notes)


def test_what_may_show_names(dicom: Encode) -> None:
    def warns(**elements: Any) -> bool:
        origin = seen(dicom(GREY, **elements)).origin
        assert origin is not None
        noted = "names or dates may be burnt into it" in seen(dicom(GREY, **elements)).notes
        assert noted is origin.may_show_names
        return noted

    assert warns(BurnedInAnnotation="YES")
    assert not warns(BurnedInAnnotation="NO", Modality="US")
    assert not warns()
    assert all(warns(Modality=kind) for kind in ("US", "SC", "XA", "ES"))
    assert warns(Modality="OT", SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert warns(SOPClassUID=UltrasoundImageStorage, Modality="US", BurnedInAnnotation="MAYBE")


@pytest.mark.data
@pytest.mark.filterwarnings("ignore")
def test_stored_values_have_the_hashes_of_the_manifest(pack: Callable[[str], Path]) -> None:
    table = pd.read_csv(pack("dicom") / "manifest.csv", dtype=str, keep_default_na=False)
    # Decoders of lossy JPEG differ in the last bit; those of the manifest are not ours.
    jpeg = table["transfer_syntax"].str.contains("JPEG Baseline|JPEG Extended")
    checked = 0
    for row in table[(table["pixel_sha256"] != "")].itertuples():
        if row.has_dicm_prefix == "0":
            continue
        path = pack("dicom") / str(row.file)
        dataset = parsed(path.read_bytes(), path.name)
        frames = [stored(dataset, index)[0] for index in range(int(str(row.frames)))]
        values = frames[0] if len(frames) == 1 else np.stack(frames)
        as_said = values.astype(str(row.dtype))
        words = repr((as_said.shape, str(as_said.dtype)))
        found = hashlib.sha256(as_said.tobytes() + words.encode()).hexdigest()
        if jpeg[row.Index]:
            assert row.range == f"{values.min()}..{values.max()}" or values.size < 100, row.file
        else:
            assert row.pixel_sha256 == found, row.file
        checked += 1
    assert checked > 140


@pytest.mark.data
@pytest.mark.filterwarnings("ignore")
def test_twelve_bit_jpeg_is_the_picture_of_its_lossless_twin(pack: Callable[[str], Path]) -> None:
    def values(name: str) -> np.ndarray:
        path = pack("dicom") / name
        return stored(parsed(path.read_bytes(), path.name), 0)[0].astype(int)

    lossy, whole = (
        values(name)
        for name in ("dicom-test-files/JPLY/MR4_JPLY", "dicom-test-files/J2KR/MR4_J2KR")
    )
    assert np.abs(lossy - whole).mean() < 0.002 * whole.max()
