"""Whole corpora of awkward and hostile files: each is decoded, or refused in a sentence."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from medxfer.data import quarantine
from medxfer.data.readers import read_picture, read_picture_bytes
from medxfer.errors import ImageError

Encode = Callable[..., bytes]
ENDINGS = (".", "!")
MUTATED = 200


def tried(path: Path) -> str:
    """The refusal of a file, "" if it is decoded."""
    try:
        picture = read_picture(path)
    except ImageError as error:
        return str(error)
    assert picture.pixels.ndim == 3
    assert picture.pixels.shape[2] == 3
    return ""


@pytest.mark.data
@pytest.mark.long
@pytest.mark.parametrize(("name", "least"), [("bad-images", 60), ("dicom", 155)])
def test_every_file_is_decoded_or_refused_in_a_sentence(
    pack: Callable[[str], Path], name: str, least: int
) -> None:
    refused: dict[str, str] = {}
    files = [path for path in sorted(pack(name).rglob("*")) if path.is_file()]
    for path in files:
        began = time.monotonic()
        refusal = tried(path)
        # Its time is of computing; others may be computing beside it.
        assert time.monotonic() - began < quarantine.PATIENCE, path.name
        if refusal:
            refused[str(path)] = refusal
            assert path.name in refusal
            assert refusal.endswith(ENDINGS)
    assert not [text for text in refused.values() if "seconds" in text or "broke down" in text]
    assert len(files) - len(refused) >= least


@pytest.mark.data
def test_the_malformed_ones_are_judged_as_their_makers_say(pack: Callable[[str], Path]) -> None:
    folder = pack("dicom") / "malformed_derived"
    refused = {path.name: tried(path) for path in folder.iterdir()}
    for name in (
        "no_extension", "mz_preamble.dcm", "html_preamble.dcm", "random_bytes_in_pixels.dcm",
        "window_width_zero.dcm", "window_multi.dcm", "rescale_slope_zero.dcm",
        "constant_image.dcm", "phi_tags.dcm", "patientid_path.dcm", "charset_bogus.dcm",
        "deep_sequence_120.dcm", "dicom_renamed.png", "png_renamed.dcm",
    ):  # fmt: skip
        assert refused[name] == "", name
    for name, words in {
        "zero_bytes.dcm": "an empty file",
        "preamble_only.dcm": "ends before",
        "truncated_half.dcm": "bytes are there",
        "truncated_header.dcm": "ends before",
        "text_renamed.dcm": "plain text",
        "no_preamble.dcm": "its header is missing",
        "rows_65535_claimed.dcm": "12.9 GB",
        "frames_2e9_claimed.dcm": "2,000,000,000 pictures",
        "rows_zero.dcm": "number of rows",
        "missing_rows.dcm": "number of rows",
        "no_pixel_data.dcm": "holds no pixels",
        "empty_pixel_data.dcm": "0 of 32,768 bytes",
        "wrong_ts_rle.dcm": "damaged",
        "unknown_ts.dcm": "which this installation cannot read",
        "photometric_unknown.dcm": "'HSV'",
        "bits_stored_gt_allocated.dcm": "damaged",
    }.items():
        assert words in refused[name], name


@pytest.mark.data
@pytest.mark.long
def test_mutated_files_give_a_picture_or_a_sentence(pack: Callable[[str], Path]) -> None:
    draw = random.Random(0)  # noqa: S311 - no secret
    folder = pack("dicom") / "pydicom" / "test_files"
    names = ("CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm",
             "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_small_odd_jpeg.dcm", "image_dfl.dcm",
             "examples_palette.dcm", "liver_1frame.dcm")  # fmt: skip
    seeds = [(folder / name).read_bytes() for name in names]
    for number in range(MUTATED):
        data = bytearray(seeds[number % len(seeds)])
        # Half of the changes hit the header, where the small numbers that matter are.
        for _ in range(draw.randint(1, 8)):
            end = min(2000, len(data)) if draw.random() < 0.5 else len(data)
            data[draw.randrange(132, end)] = draw.choice((0, 1, 255, draw.randrange(256)))
        try:
            read_picture_bytes(bytes(data), "mutated.dcm")
        except ImageError as error:
            assert str(error).startswith("mutated.dcm")  # noqa: PT017 - most are refused, not all
